// The web server before Socket.IO: it has the pages, and hands everything else on.
import { once } from "node:events";
import { createServer, request } from "node:http";
import { connect } from "node:net";

/** Serves `files`, `{ "/path": [type, body] }`, and what it does not have from `server`; gives its own address. */
export async function front(t, server, files) {
  const listener = createServer((incoming, outgoing) => {
    const [type, body] = files[incoming.url] ?? [];
    if (type) return outgoing.setHeader("content-type", type).end(body);
    const { method, url: path, headers } = incoming;
    const onward = request({ port: server.port, host: "127.0.0.1", method, path, headers, agent: false });
    onward.on("response", (response) => {
      outgoing.writeHead(response.statusCode, response.rawHeaders);
      response.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });

  listener.on("upgrade", ({ method, url, rawHeaders }, client, first) => {
    const upstream = connect(server.port, "127.0.0.1");
    const headers = rawHeaders.reduce((text, part, index) => text + part + (index % 2 ? "\r\n" : ": "), "");
    upstream.write(`${method} ${url} HTTP/1.1\r\n${headers}\r\n`);
    upstream.write(first);
    upstream.pipe(client).pipe(upstream);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });

  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.after(() => {
    listener.close();
    listener.closeAllConnections();
  });
  return `http://127.0.0.1:${listener.address().port}`;
}

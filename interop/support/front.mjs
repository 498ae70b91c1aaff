// A load balancer that does what a test tells it: every request, and every WebSocket, goes where `pick(request)` says.
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { connect } from "node:net";

/** A stand-in for servers; `pick` gives one of them. */
export async function front(t, pick) {
  const sockets = new Set();
  const keep = (socket) => sockets.add(socket.on("error", () => {}).once("close", () => sockets.delete(socket)));

  const listener = createServer((request, response) => {
    const { method, url: path, headers } = request;
    const onward = send({ host: "127.0.0.1", port: pick(request).port, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  listener.on("connection", keep);
  listener.on("upgrade", (request, client, early) => {
    const upstream = connect(pick(request).port, "127.0.0.1");
    keep(upstream);
    const lines = [`GET ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(request.rawHeaders.slice(i, i + 2).join(": "));
    upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(early);
    client.pipe(upstream).pipe(client);
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  t.after(() => {
    listener.close();
    sockets.forEach((socket) => socket.destroy());
  });
  listener.listen(0, "127.0.0.1", 4096);
  await once(listener, "listening");
  const { port } = listener.address();
  return { url: `http://127.0.0.1:${port}`, port, path: "/socket.io" };
}

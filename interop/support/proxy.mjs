// A TCP proxy before the server: sees every byte a client sends and can hold WebSockets back.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A stand-in for `server` with `sent()`, the client's bytes, and `release()`, which lets WebSockets through. */
export async function proxy(t, server, { hold = false } = {}) {
  const sockets = new Set();
  const sent = [];
  let release;
  const gate = hold ? new Promise((resolve) => (release = resolve)) : undefined;

  const listener = createServer((client) => {
    client.once("data", async (first) => {
      client.pause();
      if (/^upgrade: websocket/im.test(first.toString("latin1"))) await gate;
      const upstream = connect(server.port, "127.0.0.1");
      sockets.add(upstream);
      sent.push(first);
      upstream.write(first);
      client.on("data", (chunk) => sent.push(chunk));
      client.pipe(upstream).pipe(client);
      for (const [one, other] of [[client, upstream], [upstream, client]]) {
        one.on("error", () => other.destroy()).on("close", () => other.destroy());
      }
    });
    client.on("error", () => {});
    sockets.add(client);
  });
  t.after(() => {
    listener.close();
    sockets.forEach((socket) => socket.destroy());
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  return { ...server, port, url: `http://127.0.0.1:${port}`, release, sent: () => Buffer.concat(sent).toString("latin1") };
}

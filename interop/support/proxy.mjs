// A TCP proxy before the server: sees every byte a client sends, can hold WebSockets back, and loses connections.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * A stand-in for `server` with `sent()`, the client's bytes, and `release()`, which lets WebSockets through. `cut()` resets
 * every connection and those to come until `mend()`; `strand()` does so at the client's end alone, while the server's stays
 * open and silent.
 */
export async function proxy(t, server, { hold = false } = {}) {
  const pairs = new Set();
  const sent = [];
  let down = false;
  let release;
  const gate = hold ? new Promise((resolve) => (release = resolve)) : undefined;

  const listener = createServer({ noDelay: true }, (client) => {
    client.on("error", () => {});
    if (down) return client.resetAndDestroy();
    const pair = { client, stranded: false };
    pairs.add(pair);
    client.once("data", async (first) => {
      client.pause();
      if (/^upgrade: websocket/im.test(first.toString("latin1"))) await gate;
      if (client.destroyed) return;
      const upstream = (pair.upstream = connect({ port: server.port, host: "127.0.0.1", noDelay: true }));
      sent.push(first);
      upstream.write(first);
      client.on("data", (chunk) => sent.push(chunk));
      client.pipe(upstream, { end: false });
      upstream.pipe(client);
      client.on("end", () => pair.stranded || upstream.end());
      for (const [one, other] of [[client, upstream], [upstream, client]]) {
        const end = () => pair.stranded || other.destroy();
        one.on("error", end).on("close", end);
      }
    });
  });
  const lose = (stranded) => {
    down = true;
    for (const pair of pairs) {
      pair.stranded = stranded;
      pair.client.resetAndDestroy();
      if (!stranded) pair.upstream?.resetAndDestroy();
    }
  };
  t.after(() => {
    listener.close();
    pairs.forEach(({ client, upstream }) => [client, upstream].forEach((socket) => socket?.destroy()));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  return {
    ...server,
    port,
    url: `http://127.0.0.1:${port}`,
    release,
    sent: () => Buffer.concat(sent).toString("latin1"),
    cut: () => lose(false),
    strand: () => lose(true),
    mend: () => (down = false),
  };
}

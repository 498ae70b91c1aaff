// D44, G6: listeners of one socket, added and removed while it lives; catch-all in both directions.
import { each } from "../support/clients.mjs";
import { failed, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const server = shared();

each("D44 a listener is there once added and gone once removed, for its own socket", server, async ({ connect, as }) => {
  const [peer, other] = [await connect(), await as().connect()];
  failed(await peer.call("extra"));
  await peer.call("listen", "extra", false);
  same(await peer.call("extra", 1), ["heard"]);
  same(await peer.call("extra", 2), ["heard"]);
  failed(await other.call("extra"));
  await peer.call("unlisten", "extra");
  failed(await peer.call("extra"));
  await peer.call("unlisten", "never there");
});

each("D44 a once-listener fires once", server, async ({ connect }) => {
  const peer = await connect();
  await peer.call("listen", "extra", true);
  same(await peer.call("extra"), ["heard"]);
  failed(await peer.call("extra"));
  await peer.call("listen", "extra", true);
  await peer.call("unlisten", "extra");
  failed(await peer.call("extra"));
});

each("D44 listeners end with their connection", server, async ({ connect }) => {
  const first = await connect();
  await first.call("listen", "extra", false);
  first.socket.disconnect();
  failed(await (await connect()).call("extra"));
});

each("G6 a catch-all sees every event, in and out, in order", server, async ({ connect }) => {
  const peer = await connect("/tapped");
  const [before] = await peer.call("log");
  same(before.slice(-2), [["out", "welcome", [peer.id]], ["in", "log", []]]);
  peer.socket.on("question", (ack) => ack());
  const echo = peer.inbox("echo");
  peer.emit("echo", "a", { b: [1, null] });
  await echo.next();
  failed(await peer.call("nobody handles this", 2));
  await peer.call("ask", "question");
  await peer.call("cast", { to: [peer.id] }, "news", 3);
  const [log] = await peer.call("log");
  same(log, [
    ["in", "echo", ["a", { b: [1, null] }]],
    ["out", "echo", ["a", { b: [1, null] }]],
    ["in", "nobody handles this", [2]],
    ["in", "ask", ["question"]],
    ["out", "question", []],
    ["in", "cast", [{ to: [peer.id] }, "news", 3]],
    ["out", "news", [3]],
    ["in", "log", []],
  ]);
});

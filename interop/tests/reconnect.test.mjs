// D6, D36, G20: servers that die, restart and drain, and clients that come back.
import assert from "node:assert/strict";
import { context, each, one } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import { fresh, own, shared } from "../support/server.mjs";

const server = shared();
const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50, randomizationFactor: 0 };

each("D6 a client comes back after a restart, and its events are handled once", fresh(), async ({ connect, server }, t) => {
  const peer = await connect("/chat", RECONNECTING);
  const [echo, welcome] = [peer.inbox("echo"), peer.inbox("welcome")];
  peer.emit("echo", "before");
  await echo.next();
  await peer.call("join", ["room"]);
  welcome.all.length = 0;

  const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
  await server.stop();
  assert.ok(["transport close", "transport error"].includes(await gone));
  peer.emit("echo", "meanwhile");
  await own(t, { port: server.port });

  same(await welcome.next(), [peer.id]);
  same(await echo.next(), ["meanwhile"]);
  peer.emit("echo", "after");
  same(await echo.next(), ["after"]);
  same(await peer.call("rooms"), [{ id: peer.id, rooms: [] }]);
  same([echo.all.length, welcome.all.length], [3, 1]);
});

each("D6 a client that connects again by hand hears nothing twice", server, async ({ connect }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  for (const i of range(3)) {
    const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
    peer.manager.engine.close();
    await gone;
    const back = new Promise((resolve) => peer.socket.once("connect", resolve));
    peer.socket.connect();
    await back;
    peer.emit("echo", i);
    same(await echo.next(), [i]);
  }
  assert.equal(echo.all.length, 3);
});

one("G20 a drain sends every client away in time, and each comes back to the next server", async (t) => {
  const server = await own(t, { drain: 500 });
  const kinds = ["client4", "client3", "client2"].flatMap((client) => ["polling", "websocket"].map((mode) => [client, mode]));
  const peers = await Promise.all(
    range(24).map((i) => context(t, server, ...kinds[i % kinds.length]).connect(i % 2 ? "/" : "/chat", RECONNECTING)),
  );
  const ends = peers.map((peer) => new Promise((resolve) => peer.socket.once("disconnect", resolve)));
  const start = performance.now();
  server.signal("SIGTERM");
  const reasons = await Promise.all(ends);
  for (const reason of reasons) assert.ok(["transport close", "transport error"].includes(reason), reason);
  // Nobody may be told by a DISCONNECT: such clients do not come back.
  same(await server.exit, { code: 0, signal: null });
  assert.ok(performance.now() - start < 5000);

  const backs = peers.map((peer) => new Promise((resolve) => peer.socket.once("connect", resolve)));
  await own(t, { port: server.port });
  await Promise.all(backs);
  same(await Promise.all(peers.map((peer, i) => peer.call("ack", i))), range(24).map((i) => [i]));
});

one("G20 a draining server takes no new sessions", async (t) => {
  const server = await own(t, { drain: 1000 });
  const { connect, open } = context(t, server);
  const peers = await Promise.all(range(10).map(() => connect()));
  const first = Promise.race(peers.map((peer) => new Promise((resolve) => peer.socket.once("disconnect", resolve))));
  server.signal("SIGTERM");
  await first;
  await open().refused();
});

one("D36 a server without clients ends at once", async (t) => {
  const server = await own(t, { drain: 60_000 });
  server.signal("SIGTERM");
  same(await server.exit, { code: 0, signal: null });
});

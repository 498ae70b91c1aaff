// D5: who is silent is dropped, who lives is not, seen from both ends.
import assert from "node:assert/strict";
import { CLIENTS, MODES, context, one } from "../support/clients.mjs";
import { onNode, same } from "../support/expect.mjs";
import { Polling, Wire } from "../support/raw.mjs";
import { own } from "../support/server.mjs";

const QUICK = { "ping-interval": 200, "ping-timeout": 300 };

/** Resolves when the server tells of the end of a socket, with the reason and the time since now. */
async function end(t, server) {
  const left = (await context(t, server).connect("/watch")).inbox("left");
  const start = performance.now();
  return left.next().then(([{ id, reason }]) => ({ id, reason, after: performance.now() - start }));
}

/** Timers may fire a little early or, on a busy machine, late. */
function inTime({ reason, after }) {
  assert.equal(reason, "ping timeout");
  assert.ok(after > 250 && after < 3000, `after ${after} ms`);
}

/** A peer of every client over every transport. */
const everybody = (t, server) =>
  Promise.all(CLIENTS.flatMap((client) => MODES.map((mode) => context(t, server, client, mode).connect())));

one("D5 clients that live stay, without another word [all clients, all transports]", async (t) => {
  const peers = await everybody(t, await own(t, { "ping-interval": 200, "ping-timeout": 1000 }));
  const ids = peers.map(({ id }) => id);
  await new Promise((resolve) => setTimeout(resolve, 1600)); // longer than interval and timeout together
  same(peers.map(({ id }) => id), ids);
  same(await Promise.all(peers.map((peer) => peer.call("ack", peer.id))), ids.map((id) => [id]));
});

one("D5 clients find out that the server is dead [all clients, all transports]", async (t) => {
  const server = await own(t, QUICK);
  const peers = await everybody(t, server);
  const ends = peers.map((peer) => new Promise((resolve) => peer.socket.once("disconnect", resolve)));
  server.signal("SIGSTOP");
  same(await Promise.all(ends), peers.map(() => "ping timeout"));
});

one("D5 a client that stops answering is dropped: WebSocket", async (t) => {
  const server = await own(t, QUICK);
  const ended = end(t, server);
  const wire = await Wire.open(t, server);
  const { id } = await wire.join();
  const told = await ended;
  assert.equal(told.id, id);
  inTime(told);
  await wire.closed;
});

one("D5 a client that stops answering is dropped: polling", async (t) => {
  const server = await own(t, QUICK);
  const ended = end(t, server);
  const session = await Polling.open(server);
  await session.join();
  inTime(await ended);
  assert.equal((await session.get()).body, '{"code":1,"message":"Session ID unknown"}');
});

one("D5 D42 an old client that sends no pings is dropped: WebSocket", async (t) => {
  const server = await own(t, QUICK);
  const ended = end(t, server);
  const wire = await Wire.open(t, server, { EIO: 3 });
  inTime(await ended);
  await wire.closed;
});

one("D5 D42 an old client that sends no pings is dropped: polling", async (t) => {
  const server = await own(t, QUICK);
  const ended = end(t, server);
  await Polling.open(server, { eio: 3 });
  inTime(await ended);
});

for (const eio of [4, 3]) {
  one(`D5 a client that falls silent after its upgrade is dropped: EIO=${eio}`, async (t) => {
    const server = await own(t, QUICK);
    const ended = end(t, server);
    const session = await Polling.open(server, { eio });
    if (eio === 4) await session.join();
    else await session.get();
    const wire = await Wire.open(t, server, { EIO: eio, sid: session.sid });
    wire.send("2probe");
    assert.equal(await wire.next(), "3probe");
    wire.send("5");
    if (onNode && eio === 3) {
      // Node stops the clock at the upgrade and never starts it again.
      assert.equal(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1500, "alive"))]), "alive");
    } else {
      inTime(await ended);
      await wire.closed;
    }
  });
}

// D45, G20: several nodes, of which each knows its own sessions only.
import assert from "node:assert/strict";
import { context, each, one } from "../support/clients.mjs";
import { onNode, range, same } from "../support/expect.mjs";
import { front } from "../support/front.mjs";
import { Polling, refusedUpgrade, request } from "../support/raw.mjs";
import { own, shared } from "../support/server.mjs";
import { Talker, judge, record } from "../support/talker.mjs";

const [here, there] = [shared(), shared()];
const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50, randomizationFactor: 0 };

for (const eio of [4, 3]) {
  one(`D45 another node knows nothing of a session of protocol ${eio}, which goes on where it is`, async () => {
    const session = await Polling.open(here, { eio });
    for (const init of [{}, { method: "POST", body: eio === 4 ? "40" : "2:40" }]) {
      const { status, body } = await request(there, session.query, init);
      same([status, JSON.parse(body)], [400, { code: 1, message: "Session ID unknown" }]);
    }
    const refused = await refusedUpgrade(there, { ...session.query, transport: "websocket" });
    assert.equal(refused.status, 400);
    if (eio === 4) assert.ok(await session.join());
    else assert.equal((await session.get()).status, 200);
  });
}

each("D45 a client whose polls reach another node starts a new session there by itself", here, async ({ client, mode }, t) => {
  let node = here;
  const peer = await context(t, await front(t, () => node), client, mode).connect("/", RECONNECTING);
  const [sid, id] = [peer.sid, peer.id];
  same((await peer.call("connection"))[0].node, here.port);

  const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
  const back = new Promise((resolve) => peer.socket.once("connect", resolve));
  node = there;
  peer.emit("echo", "is lost with the session");
  assert.equal(await gone, "transport error");
  await back;
  assert.ok(peer.sid !== sid && peer.id !== id);
  same((await peer.call("connection"))[0].node, there.port);
}, { modes: ["polling"] });

each("D45 a client whose upgrade reaches another node goes on by polling", here, async ({ client, mode }, t) => {
  const balancer = await front(t, ({ headers }) => (headers.upgrade ? there : here));
  const peer = context(t, balancer, client, mode).open("/", { noWait: true });
  const denied = new Promise((resolve) => peer.manager.engine.once("upgradeError", resolve));
  await peer.connected();
  await denied;
  const [{ node, transport }] = await peer.call("connection");
  same([node, transport, peer.transport], [here.port, "polling", "polling"]);
}, { modes: ["upgrade"] });

each("D45 clients of the WebSocket alone need no sticky sessions", here, async ({ client, mode }, t) => {
  let turn = 0;
  const { connect } = context(t, await front(t, () => [here, there][turn++ % 2]), client, mode);
  const peers = await Promise.all(range(10).map(() => connect()));
  const nodes = await Promise.all(peers.map(async (peer) => (await peer.call("connection"))[0].node));
  for (const { port } of [here, there]) assert.equal(nodes.filter((node) => node === port).length, 5);
}, { modes: ["websocket"] });

one("G20 a draining node's 1000 clients move to another node, and what was acknowledged is in the record", async (t) => {
  const CLIENTS = 1000;
  const { file, lines } = record(t);
  const next = await own(t, { record: file });
  // A window in which this machine can open as many connections several times over.
  const before = performance.now();
  await crowd(context(t, next), CLIENTS / 10);
  const window = Math.round(Math.min(Math.max(4000, (performance.now() - before) * 25), 60_000));
  const old = await own(t, { drain: window, record: file });
  let node = old;
  const peers = await crowd(context(t, await front(t, () => node)), CLIENTS, RECONNECTING);
  const talkers = peers.map((peer, i) => new Talker(peer, `client-${i}`, 1000));
  const answers = () => Promise.all(talkers.map((talker) => talker.answered()));
  await answers();

  // Of each client: when it was sent away, why, and when it was back, in ms from the drain's begin.
  const moves = peers.map(async ({ socket }) => {
    const reason = await new Promise((resolve) => socket.once("disconnect", resolve));
    const gone = performance.now() - start;
    await new Promise((resolve) => socket.once("connect", resolve));
    return { reason, gone, back: performance.now() - start };
  });
  const start = performance.now();
  node = next;
  old.signal("SIGTERM");
  const moved = await Promise.all(moves);
  same(await old.exit, { code: 0, signal: null });
  await answers();
  await Promise.all(talkers.map((talker) => talker.stop()));

  const connections = await Promise.all(peers.map(async (peer) => (await peer.call("connection"))[0]));
  same(new Set(connections.map(({ node }) => node)), new Set([next.port]));
  same(new Set(moved.map(({ reason }) => reason)), new Set(["transport close"]));
  const { nodes, unanswered } = judge(lines(), talkers);
  assert.ok(nodes[old.port] > 0 && nodes[next.port] > 0, JSON.stringify(nodes));

  const last = (of) => Math.max(...moved.map((move) => move[of]));
  const away = Math.max(...moved.map(({ gone, back }) => back - gone));
  t.diagnostic(`window of ${window} ms: sent away within ${last("gone").toFixed()} ms, back within ${last("back").toFixed()} ms, at most ${away.toFixed()} ms away`);
  t.diagnostic(`record: ${JSON.stringify(nodes)}, of which ${unanswered} unanswered; told ${talkers.reduce((sum, { told }) => sum + told, 0)}`);
  // Node sends them all away at once.
  if (onNode) return;
  // One after the other: many are back before the last one has to go.
  const early = moved.filter(({ back }) => back < last("gone")).length;
  assert.ok(early > CLIENTS / 4, `${early} were back before the last one went`);
  assert.ok(away < window, `a client was away for ${away} ms`);
}, { timeout: 200_000 });

/** Clients that connect a few at a time. */
async function crowd({ connect }, number, options) {
  const peers = [];
  while (peers.length < number) peers.push(...(await Promise.all(range(50).map(() => connect("/", options)))));
  return peers;
}

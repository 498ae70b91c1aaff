// H8, G14: the servers of a cluster are replaced one by one, as for an update, and nobody misses anything. (How Node's are
// replaced stands in `replaced.test.mjs`: clients must not come back to one of them meanwhile.)
import assert from "node:assert/strict";
import { test } from "node:test";
import { context } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import { front } from "../support/front.mjs";
import { until } from "./support/clusters.mjs";
import { CLUSTER_NODE, node } from "./support/nodes.mjs";
import { onRedis } from "./support/use.mjs";

const CLIENTS = 10;
const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50, randomizationFactor: 0 };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ways = CLUSTER_NODE ? [["rust", "rust"]] : [["node", "node"]];
for (const [old, young] of ways) {
  test(`H8 G5 G14 servers are replaced one by one, and nobody misses anything [${old} by ${young}]`, { timeout: 60_000 }, async (t) => {
    const engine = await onRedis()();
    t.after(() => engine.stop());
    let number = 0;
    const start = async (kind) => {
      const made = await node(kind, { adapter: "streams", recovery: 20_000, number: number++, ...engine.options });
      t.after(() => made.stop());
      return made;
    };
    const speaker = await start(old);
    let serving = [await start(old), await start(old)];
    let turn = 0;
    const balancer = await front(t, () => serving[turn++ % serving.length]);
    const { connect } = context(t, balancer);
    const peers = await Promise.all(range(CLIENTS).map(() => connect("/", RECONNECTING)));
    const inboxes = peers.map((peer) => peer.inbox("news"));
    const ids = peers.map(({ id }) => id);

    // Until every client knows where it is.
    let said = 0;
    const say = () => speaker.tell("emit", { event: "news", args: [said++] });
    await until(async () => {
      await say();
      await sleep(20);
      return inboxes.every(({ all }) => all.length > 0);
    });
    let going = true;
    const talking = (async () => {
      while (going) {
        await say();
        await sleep(5);
      }
    })();

    for (const leaving of [...serving]) {
      const next = await start(young);
      await until(async () => (await next.tell("servers")) === 4);
      // It has to hear before it is to serve.
      await sleep(500);
      serving = [...serving.filter((other) => other !== leaving), next];
      await sleep(200);
      await leaving.tell("close");
      await until(() => peers.every(({ socket }) => socket.connected));
    }
    await sleep(300);
    going = false;
    await talking;

    const firsts = inboxes.map(({ all }) => all[0][0]);
    await Promise.all(inboxes.map((inbox, i) => inbox.count(said - firsts[i])));
    await Promise.all(peers.map((peer) => peer.sync()));
    for (const [i, { all }] of inboxes.entries()) {
      same(all.map(([n]) => n), range(said - firsts[i]).map((n) => n + firsts[i]));
      assert.equal(peers[i].id, ids[i]);
    }
    const where = await Promise.all(peers.map(async (peer) => (await peer.call("who"))[0].number));
    same([...new Set(where)].sort(), serving.map(({ number }) => number).sort());
    t.diagnostic(`${said} events, each once for each of ${CLIENTS} clients`);
  });
}

// G13, G14, G15: namespaces and rooms that come and go by the hundred, also while connections are cut, and what is left of them.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { context } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import { each, shared, until } from "./support/clusters.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { onPostgres, onRedis, onRedisCluster } from "./support/use.mjs";

const NODES = 3;
const LONG = 30_000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** So many lines of the log are about connections that are cut for some seconds, whatever the number of namespaces. */
const LINES = 6;

/** What `/` alone needs: a channel of each node, and `common` ones. */
const channels = (common, ...words) => async (server) => {
  const servers = server.servers ?? [server];
  const lists = await Promise.all(servers.map((one) => one.tell("PUBSUB", ...words)));
  return new Set(lists.flat()).size === common + NODES;
};
/** One that listens and one that notifies, of each node. */
const connections = async (server) => {
  const [{ count }] = await server.tell("select count(*)::int from pg_stat_activity where application_name = 'tower-socketio'");
  return count === 2 * NODES;
};

function churn(row, label, adapter, engine, isTidy) {
  describe(label, { concurrency: 1 }, () => {
    const cluster = shared(row, `churn, ${label}`, Array(NODES).fill("rust"), engine, { adapter, namespaces: ["/"] });
    const test = (name, body) => each(cluster, name, body, { acting: [0], timeout: 120_000 });
    const tidy = () => until(() => isTidy(cluster.engine.server), LONG);

    test("namespaces that come and go by the hundred are no outage, and leave nothing", async (scene) => {
      await everybody(scene, 5000);
      for (const node of scene.nodes) same((await node.tell("stats")).outages, 0);
      await tidy();
    });

    test("namespaces that come and go while connections are cut leave nothing either", async (scene) => {
      const before = scene.nodes.map(({ log }) => log.length);
      const cutting = (async () => {
        for (const _ of range(4)) {
          await sleep(1000);
          await cluster.engine.server.cut();
        }
      })();
      await everybody(scene, 5000);
      await cutting;
      await cluster.complete(["/"]);
      await tidy();
      for (const [i, { log, name }] of scene.nodes.entries()) {
        const lines = log.slice(before[i]);
        assert.ok(lines.length <= LINES, `${lines.length} lines of ${name}:\n${lines.slice(0, 40).join("\n")}`);
      }
    });
  });
}

/** People who come to namespaces of their own, join rooms there, and leave, again and again, for so long. */
async function everybody(scene, ms) {
  const end = Date.now() + ms;
  await Promise.all(range(6).map(async (person) => {
    for (let visit = 0; Date.now() < end; visit++) {
      const leave = [];
      const here = context({ after: (end) => leave.push(end) }, scene.nodes[(person + visit) % NODES]);
      const peers = await Promise.all(range(4).map((i) => here.connect(`/dynamic/${made++} ${person} ${i}`)));
      await Promise.all(peers.map((peer) => peer.call("join", range(10).map((room) => `room ${room}`))));
      leave.forEach((end) => end());
    }
  }));
}
let made = 0;

if (CLUSTER_NODE) {
  describe("churn", { concurrency: true }, () => {
    churn("G13", "classic", "classic", onRedis(), channels(2, "CHANNELS"));
    churn("G13", "sharded", "sharded", onRedis(), channels(1, "SHARDCHANNELS"));
    churn("G13", "sharded on a Redis cluster", "sharded", onRedisCluster(), channels(1, "SHARDCHANNELS"));
    churn("G14", "streams", "streams", onRedis(), channels(1, "CHANNELS"));
    churn("G15", "postgres", "postgres", onPostgres(), connections);
  });
}

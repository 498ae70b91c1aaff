// G13, G14: what happens to six servers while people talk: one is killed, hangs, gives way to another, gives slots away.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { REDISES } from "../support/engines-redis.mjs";
import { range, same } from "../support/expect.mjs";
import { each, shared, until } from "./support/clusters.mjs";
import { Everybody, LINES, LONG } from "./support/everybody.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { onRedisCluster } from "./support/use.mjs";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Rooms whose channels are in slots of all primaries. */
const MANY = range(200).map((i) => `one of many ${i}`);

/** `key` is in the slot that matters: a channel's or a stream's. */
function failovers(row, adapter, key, program) {
  describe(`${adapter} on ${program}`, { concurrency: 1 }, () => {
    const kinds = ["rust", "rust", "rust"];
    const options = { adapter, namespaces: ["/"], "request-timeout": 3000 };
    const cluster = shared(row, `${adapter} on six of ${program}`, kinds, onRedisCluster({ program }), options);
    /** Streams keep what the engine has taken. */
    const keeps = adapter.startsWith("streams");

    /** People talk while `body` happens to the servers; then all hear each other, and nobody has heard anything twice. */
    const fault = (name, body, { loses = false, lines = LINES } = {}) =>
      each(cluster, name, async (scene) => {
        const people = await Everybody.of(scene);
        for (const peer of people.peers) await peer.call("join", MANY);
        const [before, stats] = [people.mark(), await people.stats()];
        const talk = people.talk();
        await sleep(300);
        await body(cluster.engine.server, people, scene);
        await people.hearEachOther();
        await cluster.complete(["/"]);
        await people.hearAtOnce();
        const heard = people.peers.map((peer) => peer.inbox("extra"));
        for (const room of MANY) await scene.here.tell("emit", { to: [room], event: "extra", args: [room] });
        await Promise.all(heard.map((inbox) => inbox.count(MANY.length)));
        await talk.end();
        people.once();
        people.fewLines(before, lines);
        if (!keeps) return;
        talk.inOrder();
        if (loses) return;
        // What a node was not told to be lost is with everybody.
        const after = await people.stats();
        const lost = after.map(({ unpublished }, i) => unpublished - stats[i].unpublished);
        talk.missed().forEach((missed, i) => assert.ok(missed <= lost[i], `${talk.missed()} missed, ${lost} lost`));
      }, { acting: [0], timeout: 120_000 });

    fault("a primary that is killed is followed by its replica, and local delivery goes on meanwhile", async (servers, people) => {
      const owner = await servers.owner(key);
      await owner.kill();
      await until(async () => (await people.stats()).every(({ down }) => down), LONG);
      await until(async () => (await people.stats()).every(({ down }) => !down), LONG);
      // Whoever says so is subscribed to everything.
      await people.hearAtOnce();
      await owner.restart();
      await servers.whole();
    }, { loses: true });

    fault("a primary that hangs is left for the replica that follows it", async (servers, people) => {
      const owner = await servers.owner(key);
      const replica = await servers.replica(owner);
      owner.pause();
      try {
        await servers.takesOver(replica);
        const start = performance.now();
        await people.hearEachOther();
        assert.ok(performance.now() - start < 20_000, "a server that is not needed any more was waited for");
      } finally {
        owner.resume();
      }
      await servers.whole();
    }, { loses: true });

    fault("a primary that gives way to its replica is left for it", async (servers) => {
      await servers.turn(await servers.owner(key));
    });

    fault("a slot that moves to another primary is followed", async (servers) => {
      const from = await servers.owner(key);
      const to = (await servers.primaries()).find((server) => server !== from);
      await servers.migrate(key, to);
      same((await servers.owner(key)).port, to.port);
    });

    if (keeps) return;
    fault("slots that move while rooms come and go are followed without an outage", async (servers, people) => {
      let going = true;
      const coming = people.peers.map(async (peer) => {
        for (let i = 0; going; i++) {
          await peer.call("join", [`new ${i}`]);
          await peer.call("leave", [`new ${i - 10}`]);
        }
      });
      try {
        const [from, to] = await servers.primaries();
        await servers.reshard(from, to, 300);
      } finally {
        going = false;
        await Promise.all(coming);
      }
    }, { lines: 0 });
  });
}

if (CLUSTER_NODE) {
  // Side by side, as most of it is waiting.
  describe("failover", { concurrency: true }, () => {
    failovers("G14", "streams-sharded", "socket.io", REDISES[0]);
    for (const program of REDISES) failovers("G13", "sharded", "socket.io#/#", program);
  });
}

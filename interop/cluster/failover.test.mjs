// G13, G14: what happens to six servers while people talk: one is killed, hangs, gives way to another, gives slots away.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { REDISES } from "../support/engines-redis.mjs";
import { range, same } from "../support/expect.mjs";
import { each, shared, until } from "./support/clusters.mjs";
import { Everybody, LINES, LONG } from "./support/everybody.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { recovered, traveller } from "./support/traveller.mjs";
import { onRedisCluster } from "./support/use.mjs";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Rooms whose channels are in slots of all primaries. */
const MANY = range(200).map((i) => `one of many ${i}`);

/** `key` is in the slot that matters: a channel's or a stream's. */
function failovers(row, adapter, key, program) {
  describe(`${adapter} on ${program}`, { concurrency: 1 }, () => {
    const kinds = ["rust", "rust", "rust"];
    /** Streams keep what the engine has taken. */
    const keeps = adapter.startsWith("streams");
    const options = { adapter, namespaces: ["/"], "request-timeout": 3000, recovery: keeps ? 60_000 : undefined };
    const cluster = shared(row, `${adapter} on six of ${program}`, kinds, onRedisCluster({ program }), options);

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
      const coming = comeAndGo(people);
      owner.pause();
      try {
        await servers.takesOver(replica);
        const start = performance.now();
        await people.hearEachOther();
        assert.ok(performance.now() - start < 20_000, "a server that is not needed any more was waited for");
      } finally {
        owner.resume();
        await coming.end();
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

    if (keeps) {
      fault("a client that was away while a primary was killed comes back at another node and has missed nothing", async (servers, people, { t }) => {
        const [here, there, other] = people.nodes;
        const { peer, leave, back } = await traveller(t, here, there);
        const news = peer.inbox("news of the journey");
        const say = async (node, n) => {
          await node.tell("emit", { event: "news of the journey", args: [n] });
          // From the stream, as it is another node's.
          await until(() => heard.all.some(([came]) => came === n));
        };
        const heard = people.peers[0].inbox("news of the journey");
        await say(other, 0);
        await news.count(1);
        const { id } = peer;
        await leave();
        for (const n of [1, 2, 3]) await say(other, n);
        const owner = await servers.owner(key);
        await servers.replicated(owner);
        await owner.kill();
        await until(async () => (await people.stats()).every(({ down }) => down), LONG);
        await until(async () => (await people.stats()).every(({ down }) => !down), LONG);
        for (const n of [4, 5, 6]) await say(other, n);
        await back();
        same([await recovered(peer), peer.id], [[true, true], id]);
        await news.count(7);
        await peer.sync();
        same(news.all.map(([n]) => n), range(7));
        await owner.restart();
        await servers.whole();
      }, { loses: true });
      return;
    }
    fault("slots that move while rooms come and go are followed without an outage", async (servers, people) => {
      const coming = comeAndGo(people);
      try {
        const [from, to] = await servers.primaries();
        await servers.reshard(from, to, 300);
      } finally {
        await coming.end();
      }
    }, { lines: 0 });
  });
}

/** Clients enter new rooms and leave others, until `end`. */
function comeAndGo({ peers }) {
  let going = true;
  const coming = peers.map(async (peer) => {
    for (let i = 0; going; i++) {
      await peer.call("join", [`new ${i}`]);
      await peer.call("leave", [`new ${i - 10}`]);
    }
  });
  return {
    end() {
      going = false;
      return Promise.all(coming);
    },
  };
}

if (CLUSTER_NODE) {
  // Side by side, as most of it is waiting.
  describe("failover", { concurrency: true }, () => {
    failovers("G14", "streams-sharded", "socket.io", REDISES[0]);
    for (const program of REDISES) failovers("G13", "sharded", "socket.io#/#", program);
  });
}

// G13, G14, G15: what goes wrong with engines and nodes, and that everybody goes on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { REDISES } from "../support/engines-redis.mjs";
import { range, same } from "../support/expect.mjs";
import { each, shared, until } from "./support/clusters.mjs";
import { Everybody, LINES, LONG } from "./support/everybody.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { onPostgres, onRedis } from "./support/use.mjs";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** On servers that only claim to be like others what is most likely to be different is enough: `basic`. */
function faults(row, adapter, engine, { on = "", basic = false } = {}) {
  describe(`${adapter}${on}`, { concurrency: 1 }, () => {
    const kinds = ["rust", "rust", "rust"];
    const options = { adapter, namespaces: ["/"], "request-timeout": 3000 };
    const cluster = shared(row, `faults, ${adapter}${on}`, kinds, engine, options);
    const fault = (name, body, timeout = 120_000) => each(cluster, name, body, { acting: [0], timeout });
    const more = basic ? () => {} : fault;
    /** Streams keep what was said, whoever is away; the others bring it to those who are there. */
    const keeps = adapter === "streams";

    fault("an engine that is killed and comes back is subscribed to again, and local delivery goes on meanwhile", async (scene) => {
      const people = await Everybody.of(scene);
      const { server } = cluster.engine;
      const before = people.mark();
      await server.kill();
      await people.hearTheirOwn();
      await until(async () => (await people.stats()).every(({ down }) => down), LONG);
      await people.hearTheirOwn();
      await assert.rejects(scene.here.tell("fetch"));
      await server.restart();
      await people.hearEachOther();
      await cluster.complete(["/"]);
      same((await people.stats()).map(({ down }) => down), [false, false, false]);
      people.once();
      people.fewLines(before);
    });

    more("an engine that hangs for 20 s holds nobody up, and nothing comes twice", async (scene) => {
      const people = await Everybody.of(scene);
      const { server } = cluster.engine;
      const before = people.mark();
      server.pause();
      const start = performance.now();
      try {
        for (let i = 0; performance.now() - start < 20_000; i++) {
          await people.hearTheirOwn(2000);
          await sleep(1000);
        }
        const asked = performance.now();
        await scene.here.tell("fetch").catch(() => {});
        assert.ok(performance.now() - asked < 10_000);
      } finally {
        server.resume();
      }
      await people.hearEachOther();
      await cluster.complete(["/"]);
      people.once();
      people.fewLines(before);
    });

    fault("connections that are cut are made anew, again and again", async (scene) => {
      const people = await Everybody.of(scene);
      const before = people.mark();
      for (let round = 0; round < 5; round++) {
        await cluster.engine.server.cut();
        await people.hearTheirOwn();
        await people.hearEachOther();
      }
      await cluster.complete(["/"]);
      people.once();
      people.fewLines(before, 5 * LINES);
    });

    more("what does not fit while the engine is away is not kept in memory", async (scene) => {
      const people = await Everybody.of(scene);
      const { server } = cluster.engine;
      const before = people.mark();
      const [mine] = people.peers;
      const text = "x".repeat(10_000);
      server.pause();
      // No more at once than a client's connection may have waiting.
      let said = 0;
      const flood = async () => {
        for (const _ of range(80)) {
          const say = (i) => scene.here.tell("emit", { to: [mine.id], event: "flood", args: [i, text] });
          await Promise.all(range(50).map((i) => say(said + i)));
          said += 50;
          await flooded.count(said);
        }
      };
      const flooded = mine.inbox("flood");
      try {
        await flood();
        const first = size(scene.here);
        await flood();
        const grown = size(scene.here) - first;
        assert.ok(grown < 32 << 20, `grown by ${grown} bytes`);
      } finally {
        server.resume();
      }
      const { unpublished } = await scene.here.tell("stats");
      assert.ok(unpublished > 1000, `${unpublished}`);
      same(flooded.all.length, 8000);
      await people.hearEachOther();
      people.fewLines(before);
    });

    if (adapter !== "postgres") {
      more("an engine whose memory is spent is no reason to stop, and is told in one line", async (scene) => {
        const people = await Everybody.of(scene);
        const { server } = cluster.engine;
        const before = people.mark();
        await server.fill();
        try {
          for (const i of range(20)) await scene.here.tell("emit", { event: "extra", args: [i] });
          await people.hearTheirOwn();
          if (!keeps) await people.hearEachOther();
        } finally {
          await server.relax();
        }
        await people.hearEachOther();
        people.once();
        people.fewLines(before);
      });
    }

    more("a node that is killed while it is asked is not waited for longer than others are", async (scene) => {
      const people = await Everybody.of(scene);
      const [, second, third] = people.peers;
      people.peers.forEach((peer, i) => peer.socket.on("question", (ack) => ack(i)));
      const dies = scene.others[1];
      dies.signal("SIGSTOP");
      const start = performance.now();
      const found = scene.here.tell("fetch", { to: people.rooms }).then(
        (sockets) => sockets.map(({ id }) => id),
        (error) => error.message,
      );
      const asked = scene.here.tell("ask", { to: people.rooms, event: "question", args: [], timeout: 3000 });
      const programs = scene.here.tell("server-ask", { event: "add", args: [1], timeout: 3000 });
      await sleep(200);
      dies.signal("SIGKILL");
      const answered = await asked;
      same(answered.answers.sort(), [0, 1]);
      same((await programs).answers, [2]);
      // Either the others' alone, or that one did not answer.
      const outcome = await found;
      if (Array.isArray(outcome)) assert.ok(outcome.includes(second.id) && !outcome.includes(third.id));
      else assert.match(outcome, /did not answer/);
      assert.ok(performance.now() - start < 10_000);
      // It is gone, and another takes its place.
      await cluster.add("rust", 2);
      await cluster.complete(["/"]);
      const again = await Everybody.of(scene, cluster.nodes);
      await again.hearEachOther();
    });

    more("a node that is slow hears what it missed meanwhile, and holds nobody up", async (scene) => {
      const people = await Everybody.of(scene, cluster.nodes);
      const slow = cluster.nodes[2];
      slow.signal("SIGSTOP");
      const heard = [0, 1].map((i) => people.peers[i].inbox("extra"));
      const late = people.peers[2].inbox("extra");
      try {
        for (const i of range(300)) await scene.here.tell("emit", { event: "extra", args: [i, "x".repeat(2000)] });
        await Promise.all(heard.map((inbox) => inbox.count(300)));
        await sleep(1000);
      } finally {
        slow.signal("SIGCONT");
      }
      await late.count(300);
      same(late.all.map(([i]) => i), range(300));
      await people.hearEachOther();
    });
  });
}

/** The memory of a node in bytes (Linux). */
function size({ child }) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) * 1024;
}

if (CLUSTER_NODE) {
  // Side by side, as most of it is waiting.
  describe("faults", { concurrency: true }, () => {
    faults("G13", "classic", onRedis());
    faults("G13", "sharded", onRedis());
    faults("G14", "streams", onRedis());
    faults("G15", "postgres", onPostgres());
    for (const program of REDISES.slice(1)) {
      const like = { on: ` on ${program}`, basic: true };
      faults("G13", "classic", onRedis({ program }), like);
      faults("G13", "sharded", onRedis({ program }), like);
      faults("G14", "streams", onRedis({ program }), like);
    }
  });
}

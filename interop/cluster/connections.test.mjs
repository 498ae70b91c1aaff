// G13, G14, G15: engines that ask for a password and for TLS, that a Sentinel watches over, and other names of everything.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { redis, REDISES, sentinel } from "../support/engines-redis.mjs";
import { postgres } from "../support/engines-postgres.mjs";
import { counts, each, MIXES, names, shared, until } from "./support/clusters.mjs";
import { CLUSTER_NODE, node } from "./support/nodes.mjs";
import { onPostgres, onRedis, onSentinel } from "./support/use.mjs";

/** What shows that nodes hear each other, and ask each other. */
function reach(cluster) {
  each(cluster, "nodes reach each other", async (scene) => {
    const [room] = names("room");
    const peers = await Promise.all(scene.nodes.map((on) => scene.peer(on, { rooms: [room] })));
    await scene.here.tell("emit", { to: [room], event: "news", args: [Buffer.alloc(20_000, 1)] });
    await Promise.all(peers.map(({ news }) => news.count(1)));
    await scene.settled(...peers);
    assert.deepEqual(counts(...peers), peers.map(() => 1));
    const found = await scene.here.tell("fetch", { to: [room] });
    assert.deepEqual(found.map(({ id }) => id).sort(), peers.map(({ id }) => id).sort());
    peers.forEach((peer, i) => peer.socket.on("question", (ack) => ack(i)));
    const { answers } = await scene.here.tell("ask", { to: [room], event: "question", args: [], timeout: 8000 });
    assert.deepEqual(answers.sort(), peers.map((_, i) => i));
  });
}

function everywhere(row, label, engine, options, mixes = MIXES) {
  for (const kinds of mixes) {
    describe(`${label}, ${kinds.join(" + ")}`, () => reach(shared(row, label, kinds, engine, { namespaces: ["/"], ...options })));
  }
}

test(`Redis is tested with ${REDISES.join(" and ")}`, () => assert.ok(REDISES.length > 0));

const prefix = "odd: prefix*";
for (const [adapter, row] of [["classic", "G13"], ["sharded", "G13"], ["streams", "G14"]]) {
  everywhere(row, `${adapter} with TLS and a password`, onRedis({ tls: true, password: true }), { adapter });
  everywhere(row, `${adapter} with another prefix`, onRedis(), { adapter, prefix });
}
everywhere("G13", "classic with answers on channels of their own", onRedis(), { adapter: "classic", "specific-responses": true });
everywhere("G14", "streams with sharded channels", onRedis(), { adapter: "streams-sharded" });
everywhere("G15", "postgres with TLS", onPostgres({ tls: true }), { adapter: "postgres" });
everywhere("G15", "postgres with another prefix", onPostgres(), { adapter: "postgres", prefix: "odd: prefix" });
everywhere("G15", "postgres with everything in the table", onPostgres(), { adapter: "postgres", "payload-threshold": 1 });

if (CLUSTER_NODE) {
  // What npm's adapters are given here knows no Sentinels.
  everywhere("G13", "sharded behind a Sentinel", onSentinel(), { adapter: "sharded" }, [["rust", "rust"]]);
  // The table of attachments is made by the first node that needs it.
  everywhere("G15", "postgres without a table", onPostgres({}, false), { adapter: "postgres" }, [["rust", "rust"]]);

  test("G13 nodes follow the primary to which a Sentinel turns", { timeout: 60_000 }, async (t) => {
    const watched = await sentinel();
    t.after(() => watched.stop());
    const options = { adapter: "sharded", url: watched.url, sentinel: watched.name };
    const nodes = await Promise.all([0, 1].map((number) => node("rust", { ...options, number })));
    t.after(() => Promise.all(nodes.map((running) => running.stop())));
    const together = () => until(async () => {
      const answer = await nodes[0].tell("server-ask", { event: "add", args: [0], timeout: 1000 }).catch(() => ({}));
      return answer.complete && answer.answers.length === 1;
    }, 30_000);
    await together();
    await watched.primary.kill();
    await until(async () => /role:master/.test(await watched.replica.tell("INFO", "replication")), 20_000);
    await together();
  });

  for (const [adapter, start, wrong] of [
    ["sharded", () => redis({ password: true }), "redis://:wrong@127.0.0.1"],
    ["classic", () => redis({ password: true }), "redis://:wrong@127.0.0.1"],
    ["streams", () => redis({ password: true }), "redis://:wrong@127.0.0.1"],
    ["postgres", () => postgres(), "postgres://someone:wrong@127.0.0.1"],
  ]) {
    test(`a node that is not let in says why, and not with what password [${adapter}]`, async (t) => {
      const server = await start();
      t.after(() => server.stop());
      const url = `${wrong}:${server.port}${adapter === "postgres" ? "/postgres" : ""}`;
      const failed = await node("rust", { adapter, url }).then(() => assert.fail("was let in"), (error) => error.message);
      assert.match(failed, /password|authenticat|WRONGPASS/i);
      assert.ok(!failed.includes("wrong@") && !failed.includes(":wrong"), failed);
    });

    test(`a node whose engine is not there ends, and says so [${adapter}]`, async () => {
      const url = adapter === "postgres" ? "postgres://someone:secret@127.0.0.1:9/postgres" : "redis://:secret@127.0.0.1:9";
      const failed = await node("rust", { adapter, url }).then(() => assert.fail("was let in"), (error) => error.message);
      assert.match(failed, /"code":1/);
      assert.match(failed, /refused|connect/i);
      assert.ok(!failed.includes("secret"), failed);
    });
  }
}

// G5, G14: a client that lost its connection to one node comes back at another as if nothing had been.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { context } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import { MIXES, names, reached, sameSet, shared, until } from "./support/clusters.mjs";
import { recovered, traveller } from "./support/traveller.mjs";
import { onRedis } from "./support/use.mjs";

const BYTES = Buffer.from([1, 2, 3]);
const TIMEOUT = { timeout: 30_000 };

for (const kinds of MIXES) {
  describe(`streams, ${kinds.join(" + ")}`, () => {
    const cluster = shared("G14", "streams with recovery", kinds, onRedis(), {
      adapter: "streams",
      namespaces: ["/", "/chat"],
      recovery: 20_000,
    });
    const seen = new Set();
    for (const [from, to] of kinds.flatMap((_, i) => kinds.map((_, j) => [i, j]))) {
      const way = `${kinds[from]} to ${kinds[to]}${from === to ? ", the same" : ""}`;
      if (seen.has(way)) continue;
      seen.add(way);
      moves(cluster, from, to, `[${cluster.name}; ${way}]`);
    }
  });
}

function moves(cluster, from, to, label) {
  const goes = (name, body) => test(`G5 G14 ${name} ${label}`, TIMEOUT, async (t) => {
    if (cluster.error) throw cluster.error;
    const [here, there] = [cluster.nodes[from], cluster.nodes[to]];
    await body({ t, here, there, ...(await traveller(t, here, there)) });
  });
  const wanted = [true, true];

  goes("id, rooms, data and missed events come back, in order and once", async ({ here, there, peer, leave, back }) => {
    const [room, other] = names("room", "other");
    const news = peer.inbox("news");
    const { id } = peer;
    await peer.call("join", [room]);
    await peer.call("set", { name: "ä", list: [1, null] });
    await here.tell("emit", { to: [room], event: "news", args: ["before"] });
    await news.count(1);
    await leave();
    const expected = ["before"];
    for (const [i, node] of cluster.nodes.entries()) {
      const say = async (whom, text, ...more) => {
        await node.tell("emit", { ...whom, event: "news", args: [text, ...more] });
        // One after the other, as nodes publish for themselves.
        await logged(cluster);
      };
      await say({ to: [room] }, `room ${i}`, BYTES);
      await say({ to: [id] }, `id ${i}`);
      await say({}, `all ${i}`, { deep: [BYTES, 2 ** 60] });
      await say({ to: [other] }, "for others");
      await say({ except: [room] }, "not for the room");
      await say({ of: "/chat" }, "in another namespace");
      await say({ to: [room], volatile: true }, "volatile");
      expected.push(`room ${i}`, `id ${i}`, `all ${i}`);
      // Node keeps what is volatile, and what it says of itself is that it does not.
      if (node.kind === "node" || there.kind === "node") expected.push("volatile");
    }
    await back();
    same(await recovered(peer), wanted);
    assert.equal(peer.id, id);
    const [{ rooms, data, number }] = await peer.call("who");
    sameSet(rooms, [id, room]);
    same([data, number], [{ name: "ä", list: [1, null] }, there.number]);
    for (const node of cluster.nodes) {
      await reached(peer, [node], "/", [room]);
      await node.tell("emit", { to: [room], event: "news", args: ["after"] });
    }
    const lasting = (all) => all.filter((text) => text !== "volatile");
    const texts = () => lasting(news.all.map(([text]) => text));
    await until(() => texts().length >= lasting(expected).length + cluster.nodes.length);
    await peer.sync();
    same(texts(), [...lasting(expected), ...cluster.nodes.map(() => "after")]);
    const binary = news.all.filter(([text]) => /room|all/.test(text)).map(([, second]) => second);
    same(binary, cluster.nodes.flatMap(() => [BYTES, { deep: [BYTES, 2 ** 60] }]));
  });

  goes("it works again and again, there and back", async ({ here, there, peer, leave, back, at }) => {
    const { id } = peer;
    const news = peer.inbox("news");
    await here.tell("emit", { to: [id], event: "news", args: [0] });
    await news.count(1);
    for (let round = 1; round <= 4; round++) {
      await leave();
      await there.tell("emit", { to: [id], event: "news", args: [round] });
      await logged(cluster);
      await back(round % 2 ? there : here);
      same(await recovered(peer), wanted);
      assert.equal(peer.id, id);
      same((await peer.call("who"))[0].number, at().number);
      await news.count(round + 1);
    }
    await peer.sync();
    same(news.all.map(([n]) => n), range(5));
  });

  goes("a thousand events are missed, and none is missing", async ({ here, there, peer, leave, back }) => {
    const news = peer.inbox("news");
    await here.tell("emit", { event: "news", args: ["first"] });
    await news.count(1);
    await leave();
    await Promise.all(range(1000).map((i) => there.tell("emit", { event: "news", args: [i] })));
    await logged(cluster);
    await back();
    same(await recovered(peer), wanted);
    await news.count(1001);
    await peer.sync();
    same(news.all.slice(1).map(([n]) => n), range(1000));
  });

  goes("who was recovered is not a second time", async ({ t, here, there, peer, leave, back }) => {
    await told(here, peer);
    await leave();
    const { _pid: pid, _lastOffset: offset } = peer.socket;
    await back();
    same(await recovered(peer), wanted);
    // At the same node whoever knows the session takes it over.
    const thief = context(t, here === there ? cluster.nodes.find((node) => node !== here) : here).open("/");
    Object.assign(thief.socket, { _pid: pid, _lastOffset: offset });
    await thief.connected();
    same(await recovered(thief), [false, false]);
    assert.notEqual(thief.id, peer.id);
  });

  goes("who leaves on purpose begins anew", async ({ here, peer, back }) => {
    const { id } = peer;
    await told(here, peer);
    peer.socket.disconnect();
    await until(async () => (await here.tell("count", { to: [id] })) === 0);
    await back();
    same(await recovered(peer), [false, false]);
    assert.notEqual(peer.id, id);
  });

  goes("a session that is gone, or is none, begins anew", async ({ here, there, peer, leave, back }) => {
    for (const value of [undefined, "", "x", "gA==", Buffer.alloc(1000, 0x91).toString("base64")]) {
      if (there.kind === "node" && value !== undefined) continue;
      const { id } = peer;
      await told(here, peer);
      await leave();
      const { server } = cluster.engine;
      const key = `sio:session:${peer.socket._pid}`;
      await until(async () => (await server.tell("EXISTS", key)) === 1);
      if (value === undefined) await server.tell("DEL", key);
      else await server.tell("SET", key, value);
      await back();
      same(await recovered(peer), [false, false]);
      assert.notEqual(peer.id, id);
      await leave();
      await back(here);
    }
  });

  goes("a session is kept as long as it was said, and not longer", async ({ here, peer, leave }) => {
    await told(here, peer);
    await leave();
    const key = `sio:session:${peer.socket._pid}`;
    const left = await until(async () => {
      const left = await cluster.engine.server.tell("PTTL", key);
      return left > 0 && left;
    });
    assert.ok(left > 10_000 && left <= 20_000, `${left}`);
  });

  if (cluster.kinds[from] === "rust") {
    goes("volatile events do not spoil it", async ({ here, peer, leave, back }) => {
      const ticks = peer.inbox("tick");
      await until(async () => {
        await here.tell("emit", { to: [peer.id], volatile: true, event: "tick", args: ["a string"] });
        await peer.sync();
        return ticks.all.length > 0;
      });
      const { id } = peer;
      await leave();
      await back();
      same(await recovered(peer), cluster.kinds[to] === "rust" ? wanted : await recovered(peer));
      if (cluster.kinds[to] === "rust") assert.equal(peer.id, id);
    });
  }

  if (cluster.kinds[from] === "rust" && cluster.kinds[to] === "rust") {
    goes("a client that got no event yet comes back, and what it missed, too", async ({ here, there, peer, leave, back }) => {
      const { id } = peer;
      const news = peer.inbox("news");
      await leave();
      await there.tell("emit", { event: "news", args: [1] });
      await here.tell("emit", { to: [id], event: "news", args: [2] });
      await logged(cluster);
      await back();
      same(await recovered(peer), wanted);
      await news.count(2);
      sameSet(news.all.map(([n]) => n), [1, 2]);
    });

    goes("a client is back before its former node knows that it is gone", async ({ here, peer, back, drop }) => {
      const { id } = peer;
      await told(here, peer);
      await drop();
      await back();
      same([await recovered(peer), peer.id], [wanted, id]);
    });
  }
}

/** Lets a node say something to a peer: from then on it knows where it is, which Node wants of who comes back. */
async function told(node, peer) {
  const came = new Promise((resolve) => peer.socket.once("told", resolve));
  await node.tell("emit", { to: [peer.id], event: "told", args: [] });
  await came;
}

/** Waits until all that was said is in the stream, which then stays as it is. */
async function logged({ engine: { server } }) {
  let before;
  await until(async () => {
    const length = await server.tell("XLEN", "socket.io");
    const same = length === before;
    before = length;
    return same;
  });
}

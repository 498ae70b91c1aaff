// D7, G5: a client that lost its connection for a moment lost nothing else.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { each } from "../support/clients.mjs";
import { deviation, same } from "../support/expect.mjs";
import { fresh, own, shared } from "../support/server.mjs";

const server = shared({ recovery: 5000 });
const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");
const NEW = { clients: ["client4"] };
const BYTES = Buffer.from([1, 2, 3]);

/** Cuts the connection; gives what connects again, once the server knows of the loss. */
async function cut(peer, other) {
  const left = (await other.open("/watch").connected()).inbox("left");
  const { id } = peer;
  peer.manager.engine.close();
  while ((await left.next())[0].id !== id);
  return async () => {
    const back = new Promise((resolve) => peer.socket.once("connect", resolve));
    peer.socket.connect();
    await back;
  };
}
const recovered = (peer) => peer.call("recovered").then(([yes]) => [peer.socket.recovered, yes]);

each(
  "D7 G5 id, rooms and missed events come back, in order and once",
  server,
  async ({ connect, as }) => {
    const [peer, other] = [await connect(), await as().connect()];
    const news = peer.inbox("news");
    await peer.call("join", ["room"]);
    const { id } = peer;
    await other.call("cast", { to: ["room"] }, "news", "before");
    const back = await cut(peer, other);
    await other.call("cast", { to: ["room"] }, "news", "to the room", BYTES);
    await other.call("cast", { to: [id] }, "news", "to the id");
    await other.call("cast", {}, "news", { to: "all" });
    await other.call("cast", { to: ["elsewhere"] }, "news", "not for this one");
    await other.call("cast", { except: ["room"] }, "news", "nor this");
    await back();
    same(await recovered(peer), [true, true]);
    assert.equal(peer.id, id);
    same(await peer.call("rooms"), [{ id, rooms: ["room"] }]);
    await other.call("cast", { to: ["room"] }, "news", "after");
    await peer.sync();
    // The stored ones end with their offset.
    same(news.all.map(([first, second]) => (Buffer.isBuffer(second) ? [first, second] : [first])), [
      ["before"], ["to the room", BYTES], ["to the id"], [{ to: "all" }], ["after"],
    ]);
  },
  NEW,
);

each(
  "D7 G5 it works again and again, without news in between",
  server,
  async ({ connect, as }) => {
    const [peer, other] = [await connect(), await as().connect()];
    const { id } = peer;
    for (let i = 0; i < 3; i++) {
      await (await cut(peer, other))();
      same(await recovered(peer), [true, true]);
      assert.equal(peer.id, id);
    }
  },
  NEW,
);

each(
  "G5 volatile events do not spoil it",
  server,
  async ({ connect, as }) => {
    const [peer, other] = [await connect(), await as().connect()];
    const tick = peer.inbox("tick");
    for (let i = 0; i < 20 && tick.all.length === 0; i++) {
      await other.call("cast", { to: [peer.id], volatile: true }, "tick", "a string");
      await Promise.race([tick.next(), other.call("later")]);
    }
    await (await cut(peer, other))();
    // Node leaves the string where the client looks for its offset.
    same(await recovered(peer), deviation([true, true], [false, false]));
  },
  NEW,
);

each(
  "D7 G5 an unknown session begins anew",
  fresh({ recovery: 5000 }),
  async ({ connect, server }, t) => {
    const peer = await connect();
    await peer.call("join", ["room"]);
    const { id } = peer;
    const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
    await server.stop();
    await gone;
    await own(t, { port: server.port, recovery: 5000 });
    const back = new Promise((resolve) => peer.socket.once("connect", resolve));
    peer.socket.connect();
    await back;
    same(await recovered(peer), [false, false]);
    assert.notEqual(peer.id, id);
    same(await peer.call("rooms"), [{ id: peer.id, rooms: [] }]);
  },
  NEW,
);

each(
  "D7 G5 who leaves on purpose is not recovered",
  server,
  async ({ connect, as }) => {
    const [peer, other] = [await connect(), await as().connect()];
    const { id } = peer;
    await peer.call("join", ["room"]);
    const left = (await other.open("/watch").connected()).inbox("left");
    peer.socket.disconnect();
    while ((await left.next())[0].id !== id);
    const back = new Promise((resolve) => peer.socket.once("connect", resolve));
    peer.socket.connect();
    await back;
    same(await recovered(peer), [false, false]);
    assert.notEqual(peer.id, id);
  },
  NEW,
);

each(
  "D7 G5 nothing is recovered where it is off, nor for clients that cannot",
  fresh({}),
  async ({ connect, as }) => {
    const [peer, other] = [await connect(), await as().connect()];
    const { id } = peer;
    await (await cut(peer, other))();
    same(await peer.call("recovered"), [false]);
    assert.notEqual(peer.id, id);
  },
);

each(
  "D7 G5 with the parser of npm's socket.io-msgpack-parser",
  fresh({ recovery: 5000, parser: "msgpack" }),
  async ({ connect, as }) => {
    const [peer, other] = [await connect("/", { parser }), await as().connect("/", { parser })];
    const left = other.manager.socket("/watch");
    const news = peer.inbox("news");
    await peer.call("join", ["room"]);
    const { id } = peer;
    const gone = new Promise((resolve) => left.on("left", (who) => who.id === id && resolve()));
    if (!left.connected) await new Promise((resolve) => left.once("connect", resolve));
    peer.manager.engine.close();
    await gone;
    await other.call("cast", { to: ["room"] }, "news", "missed", BYTES);
    const back = new Promise((resolve) => peer.socket.once("connect", resolve));
    peer.socket.connect();
    await back;
    same([await recovered(peer), peer.id], [[true, true], id]);
    await peer.sync();
    same(news.all.map((args) => args.slice(0, 2)), [["missed", BYTES]]);
  },
  NEW,
);

each(
  "G5 a client that has got no event yet comes back",
  server,
  async ({ connect, as }) => {
    const [peer, other] = [await connect(), await as().connect()];
    // It was welcomed by one: as if that had never come.
    peer.socket._lastOffset = undefined;
    await (await cut(peer, other))();
    same(await recovered(peer), deviation([true, true], [false, false]));
  },
  NEW,
);

// G16: programs that serve nothing emit to the clients of both kinds of servers, with npm's emitters and ours.
import { after, before, describe } from "node:test";
import { Emitter as PostgresEmitter } from "@socket.io/postgres-emitter";
import { Emitter as RedisEmitter } from "@socket.io/redis-emitter";
import pg from "pg";
import { same } from "../support/expect.mjs";
import { each, names, shared, until } from "./support/clusters.mjs";
import { CLUSTER_NODE, node } from "./support/nodes.mjs";
import { onPostgres, onRedis } from "./support/use.mjs";

const BYTES = Buffer.from([0, 200, 7]);
const MIX = CLUSTER_NODE ? ["node", "rust"] : ["node", "node"];

/** npm's emitters, which obey the commands that ours does. */
const npm = {
  classic: ({ server }) => new RedisEmitter(server.client),
  postgres({ server }, after) {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    pool.on("error", () => {});
    after(() => pool.end());
    return new PostgresEmitter(pool);
  },
};

function byNpm(emitter) {
  return {
    kind: "npm",
    async tell(name, { of = "/", to = [], except = [], volatile, event, args, rooms, close }) {
      let target = emitter.of(of).to(to).except(except);
      if (volatile) target = target.volatile;
      switch (name) {
        case "emit":
          return target.emit(event, ...args);
        case "join":
          return target.socketsJoin(rooms);
        case "leave":
          return target.socketsLeave(rooms);
        case "disconnect":
          return target.disconnectSockets(close);
        case "server-emit":
          return emitter.of(of).serverSideEmit(event, ...args);
      }
    },
  };
}

function emitters(adapter, engine, whose) {
  describe(`${whose}'s emitter, ${adapter}`, () => {
    const cluster = shared("G16", `${adapter}, ${whose}'s emitter`, MIX, engine, { adapter });
    let emitter;
    const ends = [];
    before(async () => {
      if (cluster.error) return;
      if (whose === "npm") emitter = byNpm(npm[adapter](cluster.engine, (end) => ends.push(end)));
      else emitter = await node("rust", { adapter, emitter: true, ...cluster.engine.options });
    });
    after(() => Promise.all([emitter?.stop?.(), ...ends.map((end) => end())]));
    /** npm's for Postgres does not name the namespace where Node's adapter looks for it. */
    const hears = ({ kind }) => kind === "rust" || whose !== "npm" || adapter !== "postgres";
    const test = (name, body) => each(cluster, name, body, { acting: [0] });

    test("an emitter's event reaches everybody on all nodes once", async (scene) => {
      const peers = await scene.people();
      await emitter.tell("emit", { event: "news", args: ["text", 1, { bytes: BYTES }] });
      await Promise.all(peers.filter(({ on }) => hears(on)).map(({ news }) => news.count(1)));
      await scene.settled(...peers);
      for (const peer of peers) same(peer.news.all, hears(peer.on) ? [["text", 1, { bytes: BYTES }]] : []);
    });

    test("an emitter's events are for rooms and namespaces, and not for those excepted", async (scene) => {
      const [x, y] = names("x", "y");
      const of = "/chat";
      const all = await Promise.all(
        scene.nodes.map(async (on) => [
          await scene.peer(on, { of, rooms: [x] }),
          await scene.peer(on, { of, rooms: [x, y] }),
          await scene.peer(on, { of }),
          await scene.peer(on, { rooms: [x] }),
        ]),
      );
      await emitter.tell("emit", { of, to: [x], event: "news", args: [1] });
      await emitter.tell("emit", { of, to: [x, y], event: "news", args: [2] });
      await emitter.tell("emit", { of, to: [x], except: [y], event: "news", args: [3] });
      await emitter.tell("emit", { of, except: [x], event: "news", args: [4] });
      const expected = [[1, 2, 3], [1, 2], [4], []];
      for (const peers of all.filter(([{ on }]) => hears(on))) {
        await Promise.all(peers.map(({ news }, i) => news.count(expected[i].length)));
      }
      await scene.settled(...all.flatMap((peers) => peers.slice(0, 3)));
      for (const peers of all) {
        peers.forEach((peer, i) => scene.arrived(peer, hears(peer.on) ? expected[i].map((n) => [n]) : []));
      }
    });

    test("an emitter's volatile event reaches idle clients", async (scene) => {
      for (const on of scene.nodes.filter(hears)) {
        const peer = await scene.peer(on);
        await until(async () => {
          await emitter.tell("emit", { to: [peer.id], volatile: true, event: "news", args: [BYTES] });
          await peer.sync();
          return peer.news.all.length > 0;
        });
        same(peer.news.all[0], [BYTES]);
      }
    });

    test("an emitter lets sockets join and leave rooms, and sends them away", async (scene) => {
      const [x, y] = names("x", "y");
      for (const on of scene.nodes.filter(hears)) {
        const [a, b] = [await scene.peer(on, { rooms: [x] }), await scene.peer(on)];
        const rooms = async (peer) => (await peer.call("who"))[0].rooms.filter((room) => room !== peer.id);
        const has = (peer, expected) => until(async () => JSON.stringify(await rooms(peer)) === JSON.stringify(expected));
        await emitter.tell("join", { to: [x], rooms: [y] });
        await has(a, [x, y]);
        await emitter.tell("leave", { to: [y], rooms: [y] });
        await has(a, [x]);
        same(await rooms(b), []);
        const gone = new Promise((resolve) => a.socket.once("disconnect", resolve));
        await emitter.tell("disconnect", { to: [a.id], close: true });
        await gone;
        same(await b.call("ack", 1), [1]);
      }
    });

    test("an emitter's event for the programs is heard by each of them", async (scene) => {
      const [mark] = names("mark");
      await emitter.tell("server-emit", { event: "note", args: [mark, { n: 1 }] });
      const heard = (node) => node.heard.filter(({ args }) => args[0] === mark);
      for (const other of scene.nodes.filter(hears)) {
        same((await until(() => heard(other).length > 0 && heard(other))).map(({ args }) => args), [[mark, { n: 1 }]]);
      }
    });
  });
}

emitters("classic", onRedis(), "npm");
emitters("postgres", onPostgres(), "npm");
if (CLUSTER_NODE) {
  for (const adapter of ["classic", "sharded", "streams"]) emitters(adapter, onRedis(), "tower-socketio");
  emitters("postgres", onPostgres(), "tower-socketio");
}

// Sockets of other nodes: found, moved, and sent away.
import assert from "node:assert/strict";
import { same } from "../../support/expect.mjs";
import { each, names, sameSet, until } from "../support/clusters.mjs";

export function sockets(cluster) {
  each(cluster, "sockets are found on all nodes with their rooms, data and handshake", async (scene) => {
    const [room, other] = names("room", "other");
    const peers = await Promise.all(
      scene.nodes.map((on, i) =>
        scene.peer(on, {
          rooms: [room, `${other} ${i}`],
          auth: { data: { name: `ä ${i}`, list: [i, null], large: 2 ** 60 } },
          query: { way: "in", number: i },
          extraHeaders: { "x-interop": `header ${i}` },
        }),
      ),
    );
    const found = await scene.here.tell("fetch", { to: [room] });
    sameSet(found.map(({ id }) => id), peers.map(({ id }) => id));
    for (const [i, peer] of peers.entries()) {
      const { rooms, data, handshake } = found.find(({ id }) => id === peer.id);
      sameSet(rooms, [peer.id, room, `${other} ${i}`]);
      same(data, { name: `ä ${i}`, list: [i, null], large: 2 ** 60 });
      same([handshake.query.way, handshake.query.number], ["in", String(i)]);
      same(handshake.headers["x-interop"], `header ${i}`);
      same([handshake.address, handshake.secure], ["127.0.0.1", false].map((value, at) => at ? value : handshake.address));
      assert.match(handshake.address, /127\.0\.0\.1$/);
      assert.match(handshake.url, /^\/socket\.io\//);
      for (const at of [handshake.issued, Date.parse(handshake.time)]) assert.ok(Math.abs(at - Date.now()) < 60_000, `${at}`);
      // That of a socket on a Rust node is empty: it may be secret.
      assert.equal(typeof handshake.auth, "object");
    }
  });

  each(cluster, "data that was set later is found, whatever JSON it is", async (scene) => {
    const peer = await scene.peer(scene.there);
    for (const data of [{ a: { b: [1, "two", null] } }, { "": 0 }, {}]) {
      await peer.call("set", data);
      const [found] = await scene.here.tell("fetch", { to: [peer.id] });
      same([found.id, found.data], [peer.id, data]);
    }
  });

  each(cluster, "only the sockets that are meant are found", async (scene) => {
    const { here, there } = scene;
    const [x, y] = names("x", "y");
    const [a, b, c] = await Promise.all([
      scene.peer(here, { rooms: [x] }),
      scene.peer(there, { rooms: [x, y] }),
      scene.peer(there, { rooms: [y] }),
    ]);
    const found = async (whom) => (await here.tell("fetch", whom)).map(({ id }) => id);
    sameSet(await found({ to: [x, y] }), [a.id, b.id, c.id]);
    sameSet(await found({ to: [x, y], except: [y] }), [a.id]);
    sameSet(await found({ to: [c.id] }), [c.id]);
    sameSet(await found({ to: [x], local: true }), [a.id]);
    sameSet(await found({ to: ["nobody is here"] }), []);
    const all = await found({});
    for (const { id } of [a, b, c]) assert.equal(all.filter((other) => other === id).length, 1);
    sameSet(await found({ of: "/chat", to: [x, y] }), []);
  });

  each(cluster, "sockets of all nodes join and leave rooms", async (scene) => {
    const { here, there } = scene;
    const [room, x, y] = names("room", "x", "y");
    const peers = await Promise.all([here, there, there].map((on) => scene.peer(on, { rooms: [room] })));
    const outside = await scene.peer(there);
    const rooms = async (peer) => (await peer.call("who"))[0].rooms.filter((name) => name !== peer.id);
    const all = (expected) => async () => {
      const actual = await Promise.all(peers.map(rooms));
      return actual.every((of) => JSON.stringify(of) === JSON.stringify(expected));
    };
    await here.tell("join", { to: [room], rooms: [x, y] });
    await until(all([room, x, y]));
    await here.tell("leave", { to: [x], rooms: [y, room] });
    await until(all([x]));
    same(await rooms(outside), []);
    // What was joined so is a room like any other.
    await until(async () => {
      await there.tell("emit", { to: [x], event: "news", args: [] });
      await here.tell("emit", { to: [x], event: "news", args: [] });
      return peers.every(({ news }) => news.all.length > 0);
    });
    // One socket alone, by its id, and all but one.
    await here.tell("join", { to: [peers[1].id], rooms: [y] });
    await until(async () => JSON.stringify(await rooms(peers[1])) === JSON.stringify([x, y]));
    await here.tell("leave", { to: [x], except: [y], rooms: [x] });
    await until(async () => JSON.stringify(await Promise.all(peers.map(rooms))) === JSON.stringify([[], [x, y], []]));
  });

  each(cluster, "sockets of all nodes are sent out of a namespace, and their connections live on", async (scene) => {
    const { here, there } = scene;
    const [room] = names("room");
    const peers = await Promise.all([here, there].map((on) => scene.peer(on, { of: "/chat", rooms: [room] })));
    const stays = await scene.peer(there, { of: "/chat" });
    const others = await Promise.all(peers.map((peer) => peer.open("/").connected()));
    const gone = peers.map(({ socket }) => new Promise((resolve) => socket.once("disconnect", resolve)));
    await here.tell("disconnect", { of: "/chat", to: [room], close: false });
    same(await Promise.all(gone), ["io server disconnect", "io server disconnect"]);
    for (const other of others) same(await other.call("ack", "alive"), ["alive"]);
    same(await stays.call("ack", "alive"), ["alive"]);
    sameSet(await here.tell("fetch", { of: "/chat", to: [room] }), []);
  });

  each(cluster, "sockets of all nodes are sent away with their connections", async (scene) => {
    const { here, there } = scene;
    const peers = await Promise.all([here, there].map((on) => scene.peer(on)));
    const stays = await scene.peer(there);
    for (const peer of peers) {
      const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
      const closed = new Promise((resolve) => peer.manager.engine.once("close", resolve));
      await here.tell("disconnect", { to: [peer.id], close: true });
      await Promise.all([gone, closed]);
    }
    same(await stays.call("ack", "alive"), ["alive"]);
  });

  each(cluster, "a node knows its own rooms and sockets", async (scene) => {
    const { here, there } = scene;
    const [x, y] = names("x", "y");
    await Promise.all([scene.peer(here, { rooms: [x] }), scene.peer(there, { rooms: [x, y] }), scene.peer(there, { rooms: [x] })]);
    same([await here.tell("count", { to: [x] }), await there.tell("count", { to: [x] })], [1, 2]);
    const [mine, theirs] = [await here.tell("rooms"), await there.tell("rooms")];
    same([mine.includes(x), mine.includes(y), theirs.includes(x), theirs.includes(y)], [true, false, true, true]);
  });
}

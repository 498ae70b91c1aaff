// G13, H8: the classic adapter of `@socket.io/redis-adapter`.
import { describe } from "node:test";
import { same } from "../support/expect.mjs";
import { everything, withShortIds } from "./suite/all.mjs";
import { each, names, sameSet, shared, until } from "./support/clusters.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { onRedis } from "./support/use.mjs";

everything("G13", "classic", onRedis());
withShortIds("G13", "classic", onRedis());

const kinds = CLUSTER_NODE ? ["node", "rust"] : ["node", "node"];
describe(`older requests, ${kinds.join(" + ")}`, () => {
  const cluster = shared("G13", "classic", kinds, onRedis(), { namespaces: ["/"] });

  each(cluster, "all rooms of all nodes are what Node's adapter can ask for", async (scene) => {
    const { here, there } = scene;
    const [x, y] = names("x", "y");
    await Promise.all([scene.peer(here, { rooms: [x] }), scene.peer(there, { rooms: [x, y] })]);
    const all = await here.tell("all-rooms");
    sameSet([x, y].filter((room) => !all.includes(room)), []);
  }, { when: ({ kind }) => kind === "node" });

  each(cluster, "what older versions ask and tell is understood", async (scene) => {
    const { client } = cluster.engine.server;
    const [room, joined] = names("room", "joined");
    const peers = await Promise.all(scene.nodes.map((on) => scene.peer(on, { rooms: [room] })));
    const responses = [];
    const listener = client.duplicate({ lazyConnect: false });
    scene.t.after(() => listener.disconnect());
    listener.on("messageBuffer", (_, payload) => responses.push(JSON.parse(payload)));
    await listener.subscribe("socket.io-response#/#");
    const ask = (type, more) => {
      const requestId = `${type} ${room}`;
      client.publish("socket.io-request#/#", JSON.stringify({ uid: "abc123", requestId, type, ...more }));
      return (answers) => until(() => {
        const all = responses.filter((response) => response.requestId === requestId);
        return all.length === answers && all;
      });
    };
    const sockets = await ask(0, { rooms: [room] })(scene.nodes.length);
    sameSet(sockets.flatMap(({ sockets }) => sockets), peers.map(({ id }) => id));
    const rooms = await ask(1)(scene.nodes.length);
    for (const { rooms: some } of rooms) same(some.includes(room), true);
    for (const peer of peers) {
      const has = async () => (await peer.call("who"))[0].rooms.includes(joined);
      await ask(2, { sid: peer.id, room: joined })(1);
      await until(has);
      responses.length = 0;
      await ask(3, { sid: peer.id, room: joined })(1);
      await until(async () => !(await has()));
      const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
      await ask(4, { sid: peer.id, close: true })(1);
      await gone;
      responses.length = 0;
    }
  }, { acting: [0] });
});

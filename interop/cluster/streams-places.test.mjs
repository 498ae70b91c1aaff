// G5, G14: what a stream keeps: clients come back to another node, and nodes go on where they were.
import { createRequire } from "node:module";
import { describe } from "node:test";
import { same } from "../support/expect.mjs";
import { each, MIXES, shared, until } from "./support/clusters.mjs";
import { onRedis } from "./support/use.mjs";

const { Manager } = createRequire(import.meta.url)("client4");
const BYTES = Buffer.from([1, 2, 3]);
const [WINDOW, LENGTH] = [60_000, 200];
const OPTIONS = { adapter: "streams", streams: 2, recovery: WINDOW, "max-length": LENGTH };
/** Where `/` is with two streams. */
const STREAM = "socket.io-1";

for (const kinds of MIXES) {
  describe(`places in streams, ${kinds.join(" + ")}`, () => {
    // The hash of the second one is negative: Node writes to a stream that no Node server reads.
    const namespaces = kinds.includes("rust") ? ["/", "/my-namespace"] : ["/"];
    const cluster = shared("G14", "streams", kinds, onRedis(), { ...OPTIONS, namespaces });
    comingBack(cluster);
    for (const of of namespaces) spread(cluster, of);
    anyStream(cluster);
    missing(cluster);
    nonsense(cluster);
  });
}

function comingBack(cluster) {
  for (const args of [["text"], ["binary", BYTES]]) {
    const name = `G5 a client comes back to another node with its rooms and data, and misses nothing, ${args[0]}`;
    each(cluster, name, async (scene) => {
      const { here, there } = scene;
      const peer = await scene.peer(here, { auth: { data: { name: "ann" } } });
      const room = `room of ${peer.id}`;
      await scene.join(peer, [room]);
      const { id } = peer;
      await there.tell("emit", { to: [room], event: "news", args: [0, ...args] });
      await peer.news.count(1);
      const back = await away(scene, peer);
      await here.tell("emit", { to: [room], event: "news", args: [1, ...args] });
      await here.tell("emit", { to: ["elsewhere"], event: "news", args: ["not this"] });
      await here.tell("emit", { event: "news", args: [2, ...args] });
      await here.tell("emit", { except: [room], event: "news", args: ["nor this"] });
      await settled(scene);
      await there.tell("emit", { to: [id], event: "news", args: [3, ...args] });
      await settled(scene);
      const again = await back(there);
      same([again.socket.recovered, again.id], [true, id]);
      await here.tell("emit", { to: [room], event: "news", args: [4, ...args] });
      await again.news.count(4);
      // Each ends with its place in the stream.
      same(again.news.all.map((news) => news.slice(0, -1)), [1, 2, 3, 4].map((number) => [number, ...args]));
      const [who] = await again.call("who");
      same([who.number, who.recovered, who.rooms, who.data], [there.number, true, [id, room].sort(), { name: "ann" }]);
    });
  }

  each(cluster, "G5 a session is for one who comes back, and for the first one only", async (scene) => {
    const { here, there } = scene;
    const peer = await scene.peer(here);
    await here.tell("emit", { to: [peer.id], event: "news", args: [0] });
    await peer.news.count(1);
    const back = await away(scene, peer);
    same((await back(there)).socket.recovered, true);
    same((await back(here)).socket.recovered, false);
  });

  const last = cluster.kinds.length - 1;
  each(
    cluster,
    "G5 a client comes back to a node that was started while it was away",
    async (scene) => {
      const { here } = scene;
      const peer = await scene.peer(here);
      const { id } = peer;
      await here.tell("emit", { to: [id], event: "news", args: [0] });
      await peer.news.count(1);
      const back = await away(scene, peer);
      await here.tell("emit", { to: [id], event: "news", args: [1] });
      await cluster.nodes[last].stop();
      const fresh = await cluster.add(cluster.kinds[last], last);
      await cluster.complete(cluster.options.namespaces);
      const again = await back(fresh);
      await again.news.count(1);
      same([again.socket.recovered, again.news.all.map(([news]) => news)], [true, [1]]);
    },
    { acting: [0] },
  );
}

function spread(cluster, of) {
  each(cluster, `events reach each node's clients once over several streams, in ${of}`, async (scene) => {
    const peers = await scene.people({ of });
    await scene.here.tell("emit", { of, event: "news", args: ["text"] });
    await scene.here.tell("emit", { of, event: "news", args: [BYTES] });
    await Promise.all(peers.map(({ news }) => news.count(2)));
    await scene.settled(...peers);
    for (const { news } of peers) same(news.all.map(([first]) => first), ["text", BYTES]);
  });
}

function anyStream(cluster) {
  each(cluster, "an emitter may write to whichever stream there is", async (scene) => {
    const peers = await scene.people();
    for (const stream of ["socket.io-0", "socket.io-1"]) await append(scene, { stream, args: [stream] });
    await Promise.all(peers.map(({ news }) => news.count(2)));
    await scene.settled(...peers);
    for (const { news } of peers) same(news.all.map(([first]) => first).sort(), ["socket.io-0", "socket.io-1"]);
  });
}

function missing(cluster) {
  each(cluster, "what was written while a node was connecting again is heard once and in order", async (scene) => {
    const peers = await Promise.all(scene.nodes.map((on) => scene.peer(on)));
    for (let round = 0; round < 3; round++) {
      await scene.cluster.engine.server.cut();
      for (let i = 0; i < 50; i++) await append(scene, { args: [round * 50 + i] });
      await Promise.all(peers.map(({ news }) => news.count((round + 1) * 50)));
      await cluster.complete(["/"]);
    }
    for (const { news } of peers) same(news.all.map(([number]) => number), Array.from({ length: 150 }, (_, i) => i));
  });

  each(cluster, "what was trimmed before it was read is missing, which is said once", async (scene) => {
    const slow = scene.others.at(-1);
    const peer = await scene.peer(slow);
    // An entry that it has read, so that it shows when that is gone.
    await append(scene, { args: ["first"] });
    await peer.news.count(1);
    const lines = slow.log.length;
    slow.child.kill("SIGSTOP");
    try {
      for (let i = 0; i < 5 * LENGTH; i++) await append(scene, { args: [i] });
    } finally {
      slow.child.kill("SIGCONT");
    }
    await until(() => peer.news.all.at(-1)?.[0] === 5 * LENGTH - 1);
    // Others may still be at it.
    await settled(scene);
    const came = peer.news.all.slice(1).map(([number]) => number);
    same(came, [...new Set(came)].sort((a, b) => a - b));
    const said = slow.log.slice(lines).filter((line) => line.includes("may be missing"));
    // Node says nothing.
    same(said.length, slow.kind === "rust" ? 1 : 0, slow.log.join("\n"));
  });
}

function nonsense(cluster) {
  each(cluster, "entries and messages that are none do no harm", async (scene) => {
    const peers = await scene.people();
    const { server } = scene.cluster.engine;
    const harmless = [
      ["a", "b"],
      ["uid", "x", "nsp", "/"],
      ["uid", "x", "nsp", "/", "type", "none", "data", "{}"],
      ["uid", "x", "nsp", "/", "type", "99", "data", "{}"],
      ["uid", "x", "nsp", "/", "type", "3", "data", "{"],
      ["uid", "x", "nsp", "/nobody", "type", "3", "data", "{}"],
    ];
    // These hold a Node server for ever.
    const harmful = [
      ["uid", "x", "nsp", "/", "type", "3"],
      ["uid", "x", "nsp", "/", "type", "3", "data", "*** no base64 ***"],
      ["uid", "x", "nsp", "/", "type", "3", "data", Buffer.alloc(100_000, 0x91).toString("base64")],
      ["uid", "x", "nsp", "/", "type", "3", "data", "wQ=="],
      ["uid", "x", "nsp", "/", "type", "3", "data", '{"packet":{"type":2,"data":["news"]}}'],
      ["nsp", "/", "type", "4", "data", '{"rooms":5}'],
    ];
    const all = cluster.kinds.includes("node") ? harmless : [...harmless, ...harmful];
    for (const words of all) await server.tell("XADD", STREAM, "*", ...words);
    for (const payload of ["", "{", "\xc1", "null"]) await server.tell("PUBLISH", "socket.io#/#", payload);
    await scene.settled(...peers);
    same((await scene.here.tell("fetch", { to: peers.map(({ id }) => id) })).length, peers.length);
    for (const { news } of peers) same(news.all, []);
  });
}

/** An entry as `@socket.io/redis-streams-emitter` writes it. */
function append(scene, { stream = STREAM, nsp = "/", args }) {
  const packet = { type: 2, data: ["news", ...args], nsp };
  const data = JSON.stringify({ packet, opts: { rooms: [], flags: {}, except: [] } });
  const words = ["uid", "emitter", "nsp", nsp, "type", "3", "data", data];
  return scene.cluster.engine.server.tell("XADD", stream, "MAXLEN", "~", LENGTH, "*", ...words);
}

/** Cuts a client's connection; `back(node)` is the client there, once its session is kept. */
async function away(scene, peer) {
  const { id, manager, socket } = peer;
  const { _pid, _lastOffset } = socket;
  manager.engine.close();
  await until(async () => (await peer.on.tell("fetch", { to: [id] })).length === 0);
  await until(() => scene.cluster.engine.server.tell("EXISTS", `sio:session:${_pid}`));
  return async (on) => {
    const manager = new Manager(on.url, { transports: ["websocket"], reconnection: false, autoConnect: false });
    const socket = manager.socket("/");
    scene.t.after(() => socket.disconnect());
    Object.assign(socket, { _pid, _lastOffset });
    const news = { all: [], count: (n) => until(() => news.all.length >= n) };
    socket.on("news", (...args) => news.all.push(args));
    const connected = new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    socket.connect();
    await connected;
    const call = (event) => new Promise((resolve) => socket.emit(event, (...answer) => resolve(answer)));
    return { socket, news, call, id: socket.id };
  };
}

/** Waits until what was said before now has been heard by all nodes. */
async function settled(scene) {
  const peers = await Promise.all(scene.nodes.map((on) => scene.peer(on)));
  await scene.settled(...peers);
  for (const { socket } of peers) socket.disconnect();
}

// D12–D16, D28, G4: rooms and broadcasts.
import assert from "node:assert/strict";
import { each } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const server = shared();
const BYTES = Buffer.from([1, 2, 3]);

// Tests share one server, and peers of the last one may still be going: rooms and namespaces are each test's own.
let made = 0;
const names = (...letters) => letters.map((letter) => `${letter} ${made++}`);
const place = () => `/dynamic-${made++}`;

/** Peers of which the first has the client and transport under test, the others all sorts of them. */
async function people({ connect, as }, n, namespace = "/") {
  const others = [["client4", "websocket"], ["client2", "polling"], ["client3", "websocket"]];
  const peers = await Promise.all(
    range(n).map((i) => (i === 0 ? connect(namespace) : as(...others[(i - 1) % others.length]).connect(namespace))),
  );
  return peers.map((peer) => Object.assign(peer, { news: peer.inbox("news") }));
}
const synced = (...peers) => Promise.all(peers.map((peer) => peer.sync()));
const counts = (...peers) => peers.map((peer) => peer.news.all.length);

each("D12 a namespace's broadcast reaches its sockets only, the sender too", server, async (context) => {
  const here = place();
  const [a, b] = await people(context, 2, here);
  const [x] = await people(context, 1, place());
  await a.call("cast", {}, "news", "binary", BYTES, { and: [BYTES] });
  await synced(a, b, x);
  same(a.news.all, [["binary", BYTES, { and: [BYTES] }]]);
  same(b.news.all, a.news.all);
  same(counts(x), [0]);
  await x.call("cast", { ns: here }, "news", "from outside");
  await synced(a, b, x);
  same(counts(a, b, x), [2, 2, 0]);
});

each("D13 a socket's broadcast reaches everybody but itself", server, async (context) => {
  const [a, b, c] = await people(context, 3, place());
  await a.call("cast", { broadcast: true }, "news", "text");
  await b.call("cast", { broadcast: true }, "news", BYTES);
  await synced(a, b, c);
  same(a.news.all, [[BYTES]]);
  same(b.news.all, [["text"]]);
  same(c.news.all, [["text"], [BYTES]]);
});

each("D14 rooms are joined and left, often and several at once", server, async ({ connect }) => {
  const peer = await connect();
  const [a, b, c] = names("a", "b", "c");
  same(await peer.call("rooms"), [{ id: peer.id, rooms: [] }]);
  same(await peer.call("join", [b, a]), [[a, b]]);
  same(await peer.call("join", [a, c]), [[a, b, c]]);
  same(await peer.call("leave", [a, a, "not in there"]), [[b, c]]);
  same(await peer.call("members", a), [[]]);
  same(await peer.call("members", b), [[peer.id]]);
  same(await peer.call("rooms"), [{ id: peer.id, rooms: [b, c] }]);
});

each("D14 D28 a socket is out of its rooms when it is gone", server, async ({ connect, as }) => {
  const [peer, other] = [await connect(), await as().connect()];
  const watch = await as().connect("/watch");
  const left = watch.inbox("left");
  const [a] = names("a");
  await Promise.all([peer.call("join", [a]), other.call("join", [a])]);
  const id = peer.id;
  same(await other.call("members", a), [[id, other.id].sort()]);
  peer.socket.disconnect();
  while ((await left.next())[0].id !== id);
  same(await other.call("members", a), [[other.id]]);
});

each("D14 everybody is alone in the room of their id", server, async (context) => {
  const [a, b, c] = await people(context, 3);
  await a.call("cast", { to: [b.id] }, "news", 1);
  await b.call("cast", { to: [a.id] }, "news", 2);
  await c.call("cast", { to: [a.id], broadcast: true }, "news", 3);
  await synced(a, b, c);
  same(a.news.all, [[2], [3]]);
  same(b.news.all, [[1]]);
  same(c.news.all, []);
});

each("D15 rooms are a union in which nobody is twice", server, async (context) => {
  const [a, b, c, d] = await people(context, 4);
  const [x, y, z] = names("x", "y", "z");
  await Promise.all([a.call("join", [x, y]), b.call("join", [x]), c.call("join", [z]), d.call("join", [y, z])]);
  await a.call("cast", { to: [x, y] }, "news", BYTES);
  await synced(a, b, c, d);
  same(counts(a, b, c, d), [1, 1, 0, 1]);
  await a.call("cast", { to: [x, y], broadcast: true }, "news");
  await synced(a, b, c, d);
  same(counts(a, b, c, d), [1, 2, 0, 2]);
  await a.call("cast", { to: [x, y, z], except: [z] }, "news");
  await synced(a, b, c, d);
  same(counts(a, b, c, d), [2, 3, 0, 2]);
  await a.call("cast", { to: ["nobody is here"] }, "news");
  await synced(a, b, c, d);
  same(counts(a, b, c, d), [2, 3, 0, 2]);
});

each("D15 except without rooms is everybody else", server, async (context) => {
  const [a, b, c] = await people(context, 3, place());
  await b.call("join", ["quiet"]);
  await a.call("cast", { except: ["quiet", c.id] }, "news");
  await a.call("cast", { except: ["quiet"], broadcast: true }, "news");
  await synced(a, b, c);
  same(counts(a, b, c), [1, 0, 1]);
});

each("D16 a volatile event right after a regular one is dropped", server, async ({ connect }) => {
  const peer = await connect();
  const tick = peer.inbox("tick");
  await peer.call("volatile");
  await peer.sync();
  same(tick.all, [["regular"]]);
});

each("D16 a volatile event alone arrives once the transport can be written to", server, async ({ connect, as }) => {
  const [peer, other] = [await connect(), await as().connect()];
  const tick = peer.inbox("tick");
  await peer.sync();
  // A polling client may just be between two requests: then the event is lost, as it should be.
  for (let i = 0; i < 20 && tick.all.length === 0; i++) {
    await other.call("cast", { to: [peer.id], volatile: true }, "tick", i, BYTES);
    await Promise.race([tick.next(), other.call("later")]);
  }
  assert.equal(tick.all.length, 1);
  same(await peer.call("ack", "alive"), ["alive"]);
});

each("G4 a broadcast collects everybody's acknowledgement", server, async (context) => {
  const all = await people(context, 4, place());
  all.forEach((peer, i) => peer.socket.on("question", (text, ack) => ack(`${text} ${i}`)));
  const [{ answers, missing }] = await all[0].call("cast-ack", { timeout: 5000 }, "question", "answer");
  same([answers.sort(), missing], [range(4).map((i) => `answer ${i}`), 0]);
});

each("G4 acknowledgements of a broadcast can be binary", server, async (context) => {
  const all = await people(context, 3, place());
  all.forEach((peer) => peer.socket.on("question", (bytes, ack) => ack(bytes)));
  const [{ answers, missing }] = await all[0].call("cast-ack", { timeout: 5000 }, "question", BYTES);
  same([answers, missing], [[BYTES, BYTES, BYTES], 0]);
});

each("G4 a broadcast whose time is up has the answers there are and counts the silent", server, async (context) => {
  const all = await people(context, 4, place());
  const late = [];
  all.forEach((peer, i) => peer.socket.on("question", (ack) => (i < 2 ? ack(i) : late.push(ack))));
  const [{ answers, missing }] = await all[0].call("cast-ack", { timeout: 300 }, "question");
  same([answers.sort(), missing], [[0, 1], 2]);
  late.forEach((ack) => ack("too late"));
  same(await all[3].call("ack", "alive"), ["alive"]);
});

each("G4 a broadcast to nobody is answered at once", server, async ({ connect }) => {
  const peer = await connect();
  same(await peer.call("cast-ack", { timeout: 300, to: ["nobody is here"] }, "question"), [{ answers: [], missing: 0 }]);
});

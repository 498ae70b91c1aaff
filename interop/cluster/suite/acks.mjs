// Questions to clients on all nodes.
import assert from "node:assert/strict";
import { same } from "../../support/expect.mjs";
import { each, names, sameSet } from "../support/clusters.mjs";

const BYTES = Buffer.from([1, 2, 253]);
/** Long enough for everybody who answers. */
const LONG = 8000;
const SHORT = 600;

export function acks(cluster) {
  each(cluster, "a question to everybody collects the answers of all nodes' clients", async (scene) => {
    const peers = await scene.people({ of: "/chat" });
    peers.forEach((peer, i) => peer.socket.on("question", (text, ack) => ack(`${text} ${i}`)));
    const answer = await scene.here.tell("ask", { of: "/chat", event: "question", args: ["answer"], timeout: LONG });
    sameSet(answer.answers, peers.map((_, i) => `answer ${i}`));
    assert.equal(answer.complete, true);
  });

  each(cluster, "a question to rooms is for their clients, each once", async (scene) => {
    const { here, there } = scene;
    const [x, y] = names("x", "y");
    const peers = await Promise.all([
      scene.peer(here, { rooms: [x] }),
      scene.peer(there, { rooms: [x, y] }),
      scene.peer(there, { rooms: [y] }),
      scene.peer(there),
    ]);
    peers.forEach((peer, i) => peer.socket.on("question", (ack) => ack(i)));
    const ask = (whom) => here.tell("ask", { event: "question", args: [], timeout: LONG, ...whom });
    sameSet((await ask({ to: [x, y] })).answers, [0, 1, 2]);
    sameSet((await ask({ to: [y], except: [x] })).answers, [2]);
    sameSet((await ask({ to: [y] })).answers, [1, 2]);
    // Node waits for the other nodes, which it has not asked.
    sameSet((await ask({ to: [x], local: true, timeout: SHORT })).answers, [0]);
  });

  each(cluster, "a question to nobody is answered without waiting for its time", async (scene) => {
    const start = performance.now();
    const ask = { to: ["nobody is here"], event: "question", args: [], timeout: 20_000 };
    same(await scene.here.tell("ask", ask), { answers: [], complete: true, missing: 0 });
    assert.ok(performance.now() - start < 10_000);
  });

  // Node waits for a client that has left, wherever that was.
  const ours = { when: ({ kind, others }) => kind === "rust" && others.every((other) => other === "rust") };
  each(cluster, "a client that leaves without an answer is not waited for", async (scene) => {
    const [x] = names("x");
    const peers = await Promise.all(scene.nodes.map((on) => scene.peer(on, { rooms: [x] })));
    const [, ...leaving] = peers;
    for (const peer of leaving) peer.socket.on("question", () => peer.socket.disconnect());
    peers[0].socket.on("question", (ack) => ack("here"));
    const start = performance.now();
    const answer = await scene.here.tell("ask", { to: [x], event: "question", args: [], timeout: 20_000 });
    same(answer, { answers: ["here"], complete: false, missing: leaving.length });
    assert.ok(performance.now() - start < 10_000);
  }, ours);

  each(cluster, "questions and answers can be binary", async (scene) => {
    const peers = await scene.people({ of: "/chat" });
    for (const peer of peers) peer.socket.on("question", (value, ack) => ack({ value, own: [BYTES] }));
    const args = [{ deep: [BYTES] }];
    const answer = await scene.here.tell("ask", { of: "/chat", event: "question", args, timeout: LONG });
    same(answer.answers, peers.map(() => ({ value: args[0], own: [BYTES] })));
    assert.equal(answer.complete, true);
  });

  each(cluster, "an answer can be any value", async (scene) => {
    const peer = await scene.peer(scene.there);
    for (const value of [null, 0, false, "", "text", [], {}, [[1]], 2 ** 60, { a: { b: [null] } }]) {
      peer.socket.once("question", (ack) => ack(value));
      const answer = await scene.here.tell("ask", { to: [peer.id], event: "question", args: [], timeout: LONG });
      same([answer.answers, answer.complete], [[value], true]);
    }
  });

  each(cluster, "a question whose time is up has the answers there are, and who is silent is missing", async (scene) => {
    const peers = await scene.people({ of: "/chat" });
    const late = [];
    peers.forEach((peer, i) => peer.socket.on("question", (ack) => (i < 2 ? ack(i) : late.push(ack))));
    const answer = await scene.here.tell("ask", { of: "/chat", event: "question", args: [], timeout: SHORT });
    sameSet(answer.answers, [0, 1]);
    assert.equal(answer.complete, false);
    if (answer.missing !== null) assert.equal(answer.missing, peers.length - 2);
    // Answers that come too late are nobody's.
    late.forEach((ack) => ack("too late"));
    peers.forEach((peer, i) => peer.socket.on("again", (ack) => ack(i)));
    const again = await scene.here.tell("ask", { of: "/chat", event: "again", args: [], timeout: LONG });
    sameSet(again.answers, peers.map((_, i) => i));
  });

  each(cluster, "a question to one socket on another node has its answer, or an error if there is none", async (scene) => {
    const peer = await scene.peer(scene.there);
    peer.socket.on("question", (value, ack) => value && ack(value));
    const ask = { socket: peer.id, event: "question" };
    same(await scene.here.tell("ask-one", { ...ask, args: [BYTES], timeout: LONG }), BYTES);
    await assert.rejects(scene.here.tell("ask-one", { ...ask, args: [null], timeout: SHORT }));
    await assert.rejects(scene.here.tell("ask-one", { ...ask, socket: "nobody", args: [], timeout: SHORT }));
  });
}

// D9, A3, A4, E15: acknowledgements, both ways, and what failures look like.
import assert from "node:assert/strict";
import { each } from "../support/clients.mjs";
import { failed, range, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const server = shared();
const BYTES = Buffer.from([1, 2, 3, 255]);

const answers = {
  "no arguments": [],
  arguments: ["a", 1, null, { b: [2] }],
  "binary": [BYTES],
  "binary among arguments": [1, { deep: [BYTES, "x"] }, BYTES],
};
for (const [what, args] of Object.entries(answers)) {
  each(`D9 the server acknowledges with ${what}`, server, async ({ connect }) => {
    same(await (await connect()).call("ack", ...args), args);
  });

  each(`D9 the client acknowledges with ${what}`, server, async ({ connect }) => {
    const peer = await connect();
    peer.socket.on("question", (...all) => {
      const ack = all.pop();
      same(all, ["text", BYTES]);
      ack(...args);
    });
    same(await peer.call("ask", "question", "text", BYTES), args);
  });
}

each("D9 many acknowledgements find their callers", server, async ({ connect }) => {
  const peer = await connect();
  peer.socket.on("question", (n, ack) => ack(n + 1000));
  const asked = range(100).flatMap((n) => [peer.call("ack", n), peer.call("ask", "question", n)]);
  same(await Promise.all(asked), range(100).flatMap((n) => [[n], [n + 1000]]));
});

each("D9 a client that does not answer in time is an error, and later answers are nothing", server, async ({ connect }) => {
  const peer = await connect();
  let late;
  peer.socket.on("question", (ack) => (late = ack));
  failed(await peer.call("ask", "question"));
  late("too late");
  failed(await peer.call("ask", "nobody listens to this"));
  same(await peer.call("ack", "alive"), ["alive"]);
});

each("D9 a handler waits for its own client's answer while that calls again", server, async ({ connect }) => {
  const peer = await connect();
  peer.socket.on("question", async (ack) => ack(...(await peer.call("ack", "inner"))));
  same(await peer.call("ask", "question"), ["inner"]);
});

each("A4 an acknowledgement may come later, from a task", server, async ({ connect }) => {
  const peer = await connect();
  const order = [];
  const note = ([value]) => order.push(value);
  await Promise.all([peer.call("later", "deferred").then(note), peer.call("ack", "at once").then(note)]);
  assert.deepEqual(order, ["at once", "deferred"]);
  peer.emit("later", "nobody waits for this");
  same(await peer.call("later", BYTES), [BYTES]);
});

each("A3 a handler's error is its acknowledgement", server, async ({ connect }) => {
  const peer = await connect();
  failed(await peer.call("fail", "no “such” thing"), "no “such” thing");
  peer.emit("fail", "nobody waits for this");
  same(await peer.call("ack", 1), [1]);
});

each("E15 a handler's panic is an error, and the socket lives on", server, async ({ connect }) => {
  const peer = await connect();
  failed(await peer.call("panic"));
  peer.emit("panic");
  same(await peer.call("ack", 1), [1]);
});

each("A3 an event nobody handles is an error", server, async ({ connect }) => {
  const peer = await connect();
  failed(await peer.call("no such event", 1, BYTES));
  peer.emit("no such event");
  same(await peer.call("ack", 1), [1]);
});

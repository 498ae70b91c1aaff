// G1: npm's socket.io-msgpack-parser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { context, each as eachOf } from "../support/clients.mjs";
import { failed, range, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");
const server = shared({ parser: "msgpack" });
const BYTES = Buffer.from([0, 1, 2, 255]);

/** Every peer has the parser. */
const each = (name, body) =>
  eachOf(
    name,
    server,
    ({ mode }, t) => {
      const { open } = context(t, server, "client4", mode);
      const packed = (namespace, options) => open(namespace, { parser, ...options });
      return body({ open: packed, connect: (...args) => packed(...args).connected() });
    },
    { clients: ["client4"] },
  );

each("G1 events with values of every kind", async ({ connect }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  const values = [
    [],
    [null, true, false, "", "é😀", "x".repeat(300), "x".repeat(70_000)],
    [0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9007199254740991],
    [-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9007199254740991],
    [0.5, -1.5, 1.5e-300, 3.1415927410125732],
    [range(15), range(16), range(70_000)],
    [{}, Object.fromEntries(range(20).map((i) => [`k${i}`, i])), { a: { b: [{ c: null }] } }],
  ];
  for (const args of values) {
    peer.emit("echo", ...args);
    same(await echo.next(), args);
  }
});

each("G1 binary anywhere", async ({ connect }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  const args = [1, BYTES, "3", [4], [BYTES, "swag", { deep: BYTES }], Buffer.alloc(0), Buffer.alloc(300, 1), Buffer.alloc(70_000, 2)];
  peer.emit("echo", ...args);
  same(await echo.next(), args);
  same(await peer.call("upload", { name: "a.bin", bytes: BYTES }), [{ name: "a.bin", bytes: BYTES, size: 4 }]);
});

each("G1 acknowledgements, both ways", async ({ connect }) => {
  const peer = await connect();
  peer.socket.on("question", (...all) => all.pop()(...all, BYTES));
  same(await peer.call("ack"), []);
  same(await peer.call("ack", 1, BYTES, { b: [BYTES] }), [1, BYTES, { b: [BYTES] }]);
  same(await peer.call("ask", "question", "text"), ["text", BYTES]);
  same(await peer.call("double", 21), [42]);
  failed(await peer.call("double", "x"));
  failed(await peer.call("fail", "why"), "why");
  failed(await peer.call("nobody handles this"));
  failed(await peer.call("ask", "nobody listens to this"));
  const asked = range(100).flatMap((n) => [peer.call("ack", n), peer.call("ask", "question", n)]);
  same(await Promise.all(asked), range(100).flatMap((n) => [[n], [n, BYTES]]));
});

each("G1 namespaces, auth and refusals", async ({ connect }) => {
  const root = await connect();
  const chat = await root.open("/chat").connected();
  const dynamic = await root.open("/dynamic-7").connected();
  same(await Promise.all([chat.call("ack", 1), dynamic.call("ack", 2)]), [[1], [2]]);
  same(await root.open("/abc").refused(), { message: "Invalid namespace" });
  same(await root.open("/private").refused(), { message: "not authorized", data: { hint: "token" } });
  const other = await connect("/private", { auth: { token: "secret" } });
  same((await other.call("handshake"))[0].auth, { token: "secret" });
  const gone = new Promise((resolve) => chat.socket.once("disconnect", resolve));
  chat.emit("kick", false);
  assert.equal(await gone, "io server disconnect");
  same(await root.call("ack", "alive"), ["alive"]);
});

let made = 0;
each("G1 broadcasts", async ({ connect }) => {
  const place = `/dynamic-${made++}`; // each test's own: peers of the last one may still be going
  const [a, b] = [await connect(place), await connect(place)];
  const news = [a, b].map((peer) => peer.inbox("news"));
  await b.call("join", ["room"]);
  await a.call("cast", {}, "news", 1, BYTES);
  await a.call("cast", { to: ["room"] }, "news", 2);
  await a.call("cast", { broadcast: true, except: ["room"] }, "news", 3);
  await Promise.all([a.sync(), b.sync()]);
  same(news.map(({ all }) => all), [[[1, BYTES]], [[1, BYTES], [2]]]);
  [a, b].forEach((peer, i) => peer.socket.on("question", (ack) => ack(i)));
  const [{ answers, missing }] = await a.call("cast-ack", { timeout: 5000 }, "question");
  same([answers.sort(), missing], [[0, 1], 0]);
});

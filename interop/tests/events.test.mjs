// D8, D10, D11, A3, B23: events and their arguments, both ways.
import assert from "node:assert/strict";
import { each } from "../support/clients.mjs";
import { failed, range, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const server = shared();
const BYTES = Buffer.from("asdfasdf");

const arguments_ = {
  "no arguments": [],
  "mixed arguments": [1, "2", [3]],
  "null, booleans, numbers": [null, true, false, 0, -1, 1.5, 1e21, 9007199254740991],
  "all of Unicode": ["utf8 — string", "てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "李O四", "𝄞😀", "\u2028\u2029", "\u0000\"\\\n"],
  "deep structures": [{ a: { b: [{ c: [[], {}, [[null]]] }] }, "": "empty key", __proto: 1 }],
  "what looks like a placeholder": [{ placeholder: true, num: 0 }],
  "binary anywhere": [1, BYTES, "3", [4], BYTES, [BYTES, "swag", BYTES], { deep: { er: BYTES } }],
  "empty binary": [Buffer.alloc(0), { and: Buffer.alloc(0) }],
  "every byte": [Buffer.from(range(256))],
};
for (const [what, args] of Object.entries(arguments_)) {
  each(`D8 D10 an event goes there and back with ${what}`, server, async ({ connect }) => {
    const peer = await connect();
    const echo = peer.inbox("echo");
    peer.emit("echo", ...args);
    same(await echo.next(), args);
  });
}

each("D8 D10 large text and large binary go there and back", server, async ({ connect }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  const text = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, "välue ".repeat(10)]));
  const binary = Buffer.alloc(400_000, "binary");
  peer.emit("echo", text);
  peer.emit("echo", binary);
  same(await echo.next(), [text]);
  same(await echo.next(), [binary]);
});

each("D10 binary and text events keep their order", server, async ({ connect }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  const sent = Array.from({ length: 30 }, (_, i) => [i, i % 3 ? Buffer.from([i]) : "text", i % 2 ? { b: BYTES } : null]);
  for (const args of sent) peer.emit("echo", ...args);
  same(await echo.count(sent.length), sent);
});

each("D11 send is the event message, both ways", server, async ({ connect }) => {
  const peer = await connect();
  const message = peer.inbox("message");
  peer.socket.send(1337);
  peer.socket.send("a", BYTES);
  same(await message.next(), [1337]);
  same(await message.next(), ["a", BYTES]);
});

each("D8 a client is told its id after it was accepted", server, async ({ open }) => {
  const peer = open();
  const order = [];
  peer.socket.on("connect", () => order.push("connect"));
  peer.socket.on("welcome", () => order.push("welcome"));
  const welcome = peer.inbox("welcome");
  await peer.connected();
  same(await welcome.next(), [peer.id]);
  assert.deepEqual(order, ["connect", "welcome"]);
});

each("A3 typed arguments: binary inside a struct", server, async ({ connect }) => {
  const peer = await connect();
  same(await peer.call("upload", { name: "a.txt", bytes: BYTES }), [{ name: "a.txt", bytes: BYTES, size: 8 }]);
});

each("A3 arguments of the wrong type fail, and the socket lives on", server, async ({ connect }) => {
  const peer = await connect();
  for (const wrong of [["x"], [-1], [{}], [null], [BYTES], []]) failed(await peer.call("double", ...wrong));
  peer.emit("double", "nobody waits for this");
  failed(await peer.call("upload", { name: "a.txt" }));
  failed(await peer.call("upload", { name: BYTES, bytes: BYTES }));
  same(await peer.call("double", 21), [42]);
});

each("B23 odd event names harm nobody", server, async ({ connect, as }) => {
  const [peer, other] = [await connect(), await as().connect()];
  for (const name of ["", " ", "42", "__proto__", "constructor", "toString", "hasOwnProperty", '"quo\\ted"', "é😀"]) {
    failed(await peer.call(name, 1));
  }
  peer.emit(1, "a number");
  same(await peer.call("ack", 1), [1]);
  same(await other.call("ack", 2), [2]);
});

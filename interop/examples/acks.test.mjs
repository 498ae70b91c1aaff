import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { io } from "client4";
import { example } from "../support/example.mjs";

test("the example `acks` asks its client and answers by hand", async (t) => {
  const server = await example(t, "acks");
  const socket = io(server.url, { forceNew: true });
  t.after(() => socket.disconnect());
  socket.on("language?", (answer) => answer("Esperanto"));
  const hello = new Promise((resolve) => socket.on("hello", resolve));
  equal(await hello, "hello, speaker of Esperanto");
  socket.on("question", (text, answer) => answer(text.length));
  deepEqual(await socket.emitWithAck("ask", "how long?"), 9);
});

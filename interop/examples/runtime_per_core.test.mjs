import { deepEqual, ok } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { io } from "client4";
import { example } from "../support/example.mjs";

test("a room of the example runtime_per_core has members on several runtimes, also of clients that change transports", async (t) => {
  const server = await example(t, "runtime_per_core", { CORES: "3" });
  const sockets = Array.from({ length: 24 }, () => io(server.url, { forceNew: true, transports: ["websocket"] }));
  t.after(() => sockets.forEach((socket) => socket.disconnect()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const threads = new Set(await Promise.all(sockets.map((socket) => socket.emitWithAck("where"))));
  ok(threads.size > 1, [...threads].join());
  // Each of a polling client's requests may reach another runtime.
  for (const transports of [["polling"], ["polling", "websocket"]]) {
    const socket = io(server.url, { forceNew: true, transports });
    sockets.push(socket);
    await once(socket, "connect");
  }
  const said = sockets.map((socket) => once(socket, "said"));
  sockets.at(-1).emit("say", "hello");
  deepEqual(await Promise.all(said), sockets.map(() => ["hello"]));
});

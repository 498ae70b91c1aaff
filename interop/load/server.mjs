// npm's socket.io under load: `node load/server.mjs PORT [--max-payload BYTES] [--adapter classic|sharded --redis URL]`;
// what it answers stands in the documentation of `crates/bench/src/serve.rs`. It has one thread, and keeps no request, as
// its authors advise.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "max-payload": { type: "string" },
    adapter: { type: "string" },
    redis: { type: "string" },
  },
});

// The adapter, with two clients of the package that its documentation names first.
async function adapter(name, url) {
  const [{ createClient }, adapters] = await Promise.all([import("redis"), import("@socket.io/redis-adapter")]);
  const create = { classic: adapters.createAdapter, sharded: adapters.createShardedAdapter }[name];
  if (!create) {
    throw new Error(`there is no adapter ${name} here`);
  }
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return create(publisher, subscriber);
}

const http = createServer();
const io = new Server(http, {
  serveClient: false,
  ...(values["max-payload"] && { maxHttpBufferSize: Number(values["max-payload"]) }),
  ...(values.adapter && { adapter: await adapter(values.adapter, values.redis) }),
});

io.on("connection", (socket) => {
  socket.join("r");
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("ack", (data, acknowledge) => acknowledge(data));
  socket.on("bcast", (data) => io.to("r").emit("bcast", data));
  socket.on("to", (room, data) => io.to(room).emit("bcast", data));
  socket.on("join", (rooms, acknowledge) => {
    const start = process.hrtime.bigint();
    socket.join(rooms);
    acknowledge(Number(process.hrtime.bigint() - start));
  });
});
io.engine.on("connection", (connection) => {
  connection.request = null;
});

http.listen(Number(positionals[0]), "127.0.0.1", () => console.log(`listening on 127.0.0.1:${http.address().port}`));

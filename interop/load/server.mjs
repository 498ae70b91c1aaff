// npm's socket.io under load: `node load/server.mjs PORT [--max-payload BYTES] [--adapter
// classic|sharded|streams|postgres --engine URL]`; what it answers stands in the documentation of
// `crates/bench/src/serve.rs`. It has one thread, and keeps no request, as its authors advise.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "max-payload": { type: "string" },
    adapter: { type: "string" },
    engine: { type: "string" },
  },
});

// Where Postgres keeps what is binary or long. Of nodes that start at once only one can make it.
const TABLE = `DO $$ BEGIN
  CREATE TABLE IF NOT EXISTS socket_io_attachments (id bigserial UNIQUE, created_at timestamptz DEFAULT NOW(), payload bytea);
EXCEPTION WHEN unique_violation THEN END $$`;

// The adapter, with clients of the package that its documentation names first.
async function adapter(name, url) {
  if (name === "postgres") {
    const pool = new (await import("pg")).default.Pool({ connectionString: url });
    await pool.query(TABLE);
    return (await import("@socket.io/postgres-adapter")).createAdapter(pool);
  }
  const { createClient } = await import("redis");
  const client = await createClient({ url }).connect();
  if (name === "streams") {
    return (await import("@socket.io/redis-streams-adapter")).createAdapter(client);
  }
  const { createAdapter, createShardedAdapter } = await import("@socket.io/redis-adapter");
  const create = { classic: createAdapter, sharded: createShardedAdapter }[name];
  if (!create) {
    throw new Error(`there is no adapter ${name} here`);
  }
  return create(client, await client.duplicate().connect());
}

const http = createServer();
const io = new Server(http, {
  serveClient: false,
  ...(values["max-payload"] && { maxHttpBufferSize: Number(values["max-payload"]) }),
  ...(values.adapter && { adapter: await adapter(values.adapter, values.engine) }),
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

// npm's socket.io under load: `node load/server.mjs PORT [--max-payload BYTES]`; what it answers stands in the
// documentation of `crates/bench/src/serve.rs`. It has one thread, and keeps no request, as its authors advise.

import { createServer } from "node:http";
import { Server } from "socket.io";

const [port, ...options] = process.argv.slice(2);
const maxPayload = options.indexOf("--max-payload");

const http = createServer();
const io = new Server(http, {
  serveClient: false,
  ...(maxPayload < 0 ? {} : { maxHttpBufferSize: Number(options[maxPayload + 1]) }),
});

io.on("connection", (socket) => {
  socket.join("r");
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("ack", (data, acknowledge) => acknowledge(data));
  socket.on("bcast", (data) => io.to("r").emit("bcast", data));
});
io.engine.on("connection", (connection) => {
  connection.request = null;
});

http.listen(Number(port), "127.0.0.1", () => console.log(`listening on 127.0.0.1:${http.address().port}`));

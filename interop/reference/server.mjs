// CONTRACT.md with npm's socket.io: `node reference/server.mjs --port 3000`.
import { createServer } from "node:http";
import { Server } from "socket.io";
import msgpack from "socket.io-msgpack-parser";
import { listen, ownRooms } from "./events.mjs";
import { journal } from "./journal.mjs";
import { header, options, serverOptions } from "./options.mjs";

let values;
try {
  values = options(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exit(2);
}

const http = createServer((_, response) => response.writeHead(404).end("inner"));
const io = new Server(http, serverOptions(values, values.parser === "msgpack" ? msgpack : undefined));

let made = 0;
if (values["sid-prefix"]) io.engine.generateId = () => `${values["sid-prefix"]}${made++}`;
for (const [option, event] of [["initial-header", "initial_headers"], ["header", "headers"]]) {
  if (!values[option]) continue;
  const [name, value] = header(values[option]);
  io.engine.on(event, (headers) => (headers[name] = value));
}

const dynamic = io.of(/^\/dynamic-\d+$/);
const hint = Object.assign(new Error("not authorized"), { data: { hint: "token" } });
io.of("/private").use((socket, next) => next(socket.handshake.auth.token === "secret" ? undefined : hint));
io.of("/refused").use((_, next) => next(new Error("refused")));

const events = journal(http, values);

const log = [];
io.of("/tapped").on("connection", (socket) => {
  const data = (args) => args.filter((arg) => typeof arg !== "function");
  socket.onAny((event, ...args) => log.push(["in", event, data(args)]));
  socket.onAnyOutgoing((event, ...args) => log.push(["out", event, data(args)]));
  socket.on("log", (ack) => ack(log.splice(0)));
});

for (const namespace of [io.of("/"), io.of("/chat"), io.of("/tapped"), io.of("/watch"), io.of("/private"), dynamic]) {
  namespace.on("connection", (socket) => {
    listen(io, dynamic, socket, events);
    socket.emit("welcome", socket.id);
    if (socket.nsp.name === "/watch") return;
    const told = { id: socket.id, ns: socket.nsp.name };
    const watch = io.of("/watch");
    socket.on("disconnecting", (reason) => watch.emit("leaving", { ...told, reason, rooms: ownRooms(socket) }));
    socket.on("disconnect", (reason) => watch.emit("left", { ...told, reason }));
  });
}

process.on("SIGTERM", () => {
  io.close(() => process.exit(0));
  setTimeout(() => process.exit(0), Number(values.drain)); // whoever keeps an idle connection open
});
if (values["watch-stdin"] === "true") process.stdin.on("end", () => process.exit(1)).resume();
http.listen(Number(values.port), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));

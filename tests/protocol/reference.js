// The reference implementation of the server under test (server.rs says what it does), driven line by line by
// reference.rs.

const { createServer } = require("http");
const { createInterface } = require("readline");
const { createRequire } = require("module");
const path = require("path");
const { Server } = createRequire(path.join(process.cwd(), "reference.js"))("socket.io");

const servers = new Map();

function start(options) {
  const inner = createServer((_request, response) => response.end("inner"));
  const io = new Server(inner, {
    ...options,
    allowRequest: options.allowRequest ? undefined : (_request, answer) => answer(null, false),
    // The defaults of `allowRequest` and `cookie` are their absence.
    cookie: options.cookie || undefined,
  });
  serve(io.of("/"));
  serve(io.of("/custom"));
  serve(io.of("/slow").use((_socket, next) => setTimeout(next, 100)));
  io.of("/private").use((_socket, next) => {
    next(Object.assign(new Error("Not authorized"), { data: { code: "E1" } }));
  });
  io.of("/closed").use((_socket, next) => next(new Error("Closed")));
  inner.listen(0, "127.0.0.1", () => {
    const { port } = inner.address();
    servers.set(port, { io, inner });
    process.stdout.write(JSON.stringify({ port }) + "\n");
  });
}

function serve(namespace) {
  namespace.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => {
      const ack = args.pop();
      if (typeof ack === "function") ack(...args);
    });
    socket.on("ask", (...args) => {
      socket.emit("question", ...args, (...answer) => socket.emit("answer", ...answer));
    });
    socket.on("id", (ack) => ack(socket.id));
    socket.on("leave", () => socket.disconnect());
    socket.on("quit", () => socket.disconnect(true));
  });
}

function stop(port) {
  const { io, inner } = servers.get(port);
  servers.delete(port);
  io.close();
  inner.closeAllConnections();
}

process.on("uncaughtException", (error) => console.error(error));
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.start) start(command.start);
    else stop(command.stop);
  })
  .on("close", () => process.exit());

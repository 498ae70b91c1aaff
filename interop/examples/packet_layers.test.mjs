import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import io2 from "client2";
import { io as io4 } from "client4";
import { example } from "../support/example.mjs";

const CLIENTS = { client2: io2, client4: io4 };

/** A connected socket of this client. */
async function join(t, io, url, options = {}) {
  const socket = io(url, { forceNew: true, transports: ["websocket"], ...options });
  t.after(() => socket.disconnect());
  await new Promise((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
    socket.on("error", reject);
  });
  socket.off("error");
  return socket;
}

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, resolve));

for (const [name, io] of Object.entries(CLIENTS)) {
  test(`two connect layers pass in order, and the connect hook is called once [${name}]`, async (t) => {
    const server = await example(t, "packet_layers");
    const socket = await join(t, io, server.url);
    deepEqual(await ask(socket, "passed"), ["use", "handshake", "connect"]);
  });

  test(`either connect layer refuses [${name}]`, async (t) => {
    const server = await example(t, "packet_layers");
    for (const door of ["use", "handshake"]) {
      const socket = io(server.url, { forceNew: true, reconnection: false, query: { deny: door } });
      t.after(() => socket.disconnect());
      const error = await new Promise((resolve) => {
        socket.on(name === "client2" ? "error" : "connect_error", resolve);
        socket.on("connect", () => name === "client4" && resolve("connected"));
      });
      if (name === "client2") equal(error, `refused by ${door}`);
      else deepEqual([error.message, error.data], [`refused by ${door}`, { code: "denied" }]);
    }
  });

  test(`layers rename, measure and refuse, and the next event is served [${name}]`, async (t) => {
    const server = await example(t, "packet_layers");
    const socket = await join(t, io, server.url);
    equal(await ask(socket, "hello", "ada"), "hello, ada");
    equal(await ask(socket, "greet", "bob"), "hello, bob");
    deepEqual([await ask(socket, "count", "hello"), await ask(socket, "count", "greet")], [1, 1]);
    deepEqual(await ask(socket, "admin:stop"), { error: { message: "not for you", code: "forbidden" } });
    deepEqual(await ask(socket, "hang"), { error: { message: "timeout", code: "timeout" } });
    deepEqual(await ask(socket, "fail"), { error: { message: "internal error", code: "internal" } });
    deepEqual(await ask(socket, "nobody's"), {
      error: { message: "nobody handles this event", code: "unknown_event" },
    });
    equal(await ask(socket, "hello", "ada"), "hello, ada");
    ok(socket.connected);
  });
}

test("a client of EIO3 hears of an event refused without an acknowledgement as `error`", async (t) => {
  const server = await example(t, "packet_layers");
  const socket = await join(t, io2, server.url);
  const errors = [];
  socket.on("error", (error) => errors.push(error));
  socket.emit("admin:stop", 1);
  // What a handler failed at is none of the socket's errors.
  socket.emit("fail");
  equal(await ask(socket, "hello", "ada"), "hello, ada");
  deepEqual(errors, ["not for you"]);
});

test("a client of EIO4 hears nothing of an event refused without an acknowledgement", async (t) => {
  const server = await example(t, "packet_layers");
  const socket = await join(t, io4, server.url);
  const heard = [];
  for (const event of ["error", "connect_error", "disconnect"]) socket.on(event, () => heard.push(event));
  socket.onAny((...event) => heard.push(event));
  socket.emit("admin:stop", 1);
  equal(await ask(socket, "hello", "ada"), "hello, ada");
  deepEqual(heard, []);
});

/** Between client and server: cuts the connection in the place of the first acknowledgement, or keeps that back. */
async function lossy(t, server, lose) {
  const sockets = new Set();
  const lost = { acks: 0, connections: 0 };
  const listener = createServer((client) => {
    lost.connections++;
    const upstream = connect(server.port, "127.0.0.1");
    for (const socket of [client, upstream]) sockets.add(socket.on("error", () => {}));
    client.pipe(upstream);
    // Frames of servers are not masked: an acknowledgement is `43`, its number and its arguments.
    upstream.on("data", (data) => {
      if (lost.acks === 0 && /43\d+\[/.test(data.toString("latin1"))) {
        lost.acks++;
        if (lose === "connection") for (const socket of [client, upstream]) socket.destroy();
        return;
      }
      client.write(data);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  t.after(() => {
    listener.close();
    sockets.forEach((socket) => socket.destroy());
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return { url: `http://127.0.0.1:${listener.address().port}`, lost };
}

for (const lose of ["ack", "connection"]) {
  test(`an event that is sent again because its ${lose} was lost is handled once`, async (t) => {
    const server = await example(t, "packet_layers");
    const { url, lost } = await lossy(t, server, lose);
    const socket = await join(t, io4, url, { retries: 3, ackTimeout: 200, reconnectionDelay: 10 });
    const save = (text, id) =>
      new Promise((resolve, reject) => {
        socket.emit("save", text, id, (error, answer) => (error ? reject(error) : resolve(answer)));
      });
    equal(await save("text", "id-1"), 1);
    deepEqual(lost, { acks: 1, connections: lose === "ack" ? 1 : 2 });
    // Twice it came, and once it was handled: this is the second.
    equal(await save("other", "id-2"), 2);
    const direct = await join(t, io4, server.url);
    equal(await ask(direct, "count", "save"), 3);
  });
}

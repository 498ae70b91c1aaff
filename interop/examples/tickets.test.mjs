import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { example } from "../support/example.mjs";

const require = createRequire(import.meta.url);
const OLD = "client2";

// Node's own `once` takes the `error` of old clients for a failure of the test.
const once = (emitter, name) => new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

const login = async (server, name) => (await fetch(`${server.url}/login`, { method: "POST", body: name })).text();

async function ticket(server, session) {
  const response = await fetch(`${server.url}/user/sockettoken`, { headers: { Authorization: session } });
  equal(response.status, 200);
  equal(response.headers.get("cache-control"), "no-store");
  const { token } = await response.json();
  match(token, /^[0-9a-f]{128}$/);
  return token;
}

function open(t, server, client, token, options = {}) {
  const { io } = client === OLD ? { io: require(client) } : require(client);
  const given = client === OLD ? { query: token && "token=" + token } : { auth: { token } };
  const socket = io(server.url, { forceNew: true, reconnection: false, ...given, ...options });
  t.after(() => socket.disconnect());
  return socket;
}

const who = (socket) => new Promise((resolve) => socket.emit("who", resolve));

/** Why the server refused the client, and how the connection ended. */
async function refused(socket, old) {
  const told = await once(socket, old ? "error" : "connect_error");
  // The manager of newer clients ends a connection by itself that none of its sockets has use for.
  if (old) deepEqual(await once(socket, "disconnect"), ["transport close"]);
  return old ? told[0] : [told[0].message, told[0].data];
}

// The manager of newer clients ends a connection by itself that none of its sockets has use for: here its transport alone.
test("a bad ticket ends the transport, whatever the client does", { timeout: 20_000 }, async (t) => {
  const server = await example(t, "tickets");
  const { Socket } = createRequire(require.resolve("client4"))("engine.io-client");
  for (const transports of [["websocket"], ["polling"]]) {
    const engine = new Socket(server.url, { path: "/socket.io/", transports });
    const told = [];
    engine.on("message", (packet) => told.push(packet));
    await once(engine, "open");
    engine.send('0{"token":"bad"}');
    equal((await once(engine, "close"))[0], "transport close");
    deepEqual(told, ['4{"message":"INVALID_TOKEN"}']);
  }
});

for (const client of [OLD, "client3", "client4"]) {
  const old = client === OLD;
  const invalid = old ? "INVALID_TOKEN" : ["INVALID_TOKEN", undefined];
  for (const transport of ["polling", "websocket"]) {
    const options = { transports: [transport] };
    test(`a ticket lets in once [${client} ${transport}]`, { timeout: 20_000 }, async (t) => {
      const server = await example(t, "tickets");
      const session = await login(server, "ada");
      const [one, other] = [await ticket(server, session), await ticket(server, session)];
      notEqual(one, other);
      const socket = open(t, server, client, one, options);
      await once(socket, "connect");
      equal(await who(socket), "ada");
      // A further namespace of the connection reuses what the ticket has shown.
      const further = socket.io.socket("/x");
      if (!further.connected) await once(further, "connect");
      equal(await who(further), "ada");
      for (const bad of [one, "unknown", "", undefined]) {
        deepEqual(await refused(open(t, server, client, bad, options), old), invalid);
      }
      const twice = open(t, server, client, undefined, { ...options, query: `token=${other}&token=b` });
      deepEqual(await refused(twice, old), invalid);
      equal(await who(socket), "ada");
      await once(open(t, server, client, other, options), "connect");
    });
  }

  test(`logging out ends the user's connections [${client}]`, { timeout: 20_000 }, async (t) => {
    const server = await example(t, "tickets");
    const sessions = { ada: await login(server, "ada"), bob: await login(server, "bob") };
    const join = async (name) => {
      const socket = open(t, server, client, await ticket(server, sessions[name]));
      await once(socket, "connect");
      return socket;
    };
    const [ada, again, bob] = [await join("ada"), await join("ada"), await join("bob")];
    const left = Promise.all([once(ada, "disconnect"), once(again, "disconnect")]);
    const logout = { method: "POST", headers: { Authorization: sessions.ada } };
    equal((await fetch(`${server.url}/user/logout`, logout)).status, 204);
    deepEqual((await left).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
    equal(await who(bob), "bob");
    equal((await fetch(`${server.url}/user/sockettoken`, logout)).status, 405);
    equal((await fetch(`${server.url}/user/sockettoken`, { headers: logout.headers })).status, 401);
  });

  test(`a client with the recipe survives a restart of the server [${client}]`, { timeout: 30_000 }, async (t) => {
    let server = await example(t, "tickets");
    const fresh = async () => ticket(server, await login(server, "ada"));
    let over = false;
    t.after(() => (over = true));
    const soon = (again) => over || setTimeout(again, 50);
    let socket;
    if (old) {
      const io = require(client);
      socket = io(server.url, { forceNew: true, autoConnect: false, reconnection: false });
      const enter = () =>
        fresh().then((token) => {
          socket.io.opts.query = socket.query = "token=" + token;
          socket.connect();
        }).catch(() => soon(enter));
      for (const event of ["disconnect", "connect_error", "error"]) socket.on(event, () => soon(enter));
      enter();
    } else {
      const { io } = require(client);
      socket = io(server.url, {
        forceNew: true,
        reconnectionDelay: 50,
        reconnectionDelayMax: 100,
        auth: (give) => fresh().then((token) => give({ token }), () => give({})),
      });
      socket.on("connect_error", (error) => {
        if (error.message === "INVALID_TOKEN") soon(() => socket.connect());
      });
    }
    t.after(() => socket.disconnect());
    for (let round = 0; round < 3; round++) {
      await once(socket, "connect");
      equal(await who(socket), "ada");
      const left = once(socket, "disconnect");
      await server.stop();
      await left;
      server = await example(t, "tickets", { PORT: String(server.port) });
    }
    await once(socket, "connect");
    equal(await who(socket), "ada");
  });
}

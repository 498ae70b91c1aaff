import { deepEqual, equal, match } from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { example } from "../support/example.mjs";

const require = createRequire(import.meta.url);
const OLD = "client2";

const once = (emitter, name) => new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

/** What a user does over REST. */
async function login(server, name) {
  const session = await (await fetch(`${server.url}/login`, { method: "POST", body: name })).text();
  const ask = (path, method = "GET", body, type) => {
    const headers = { Authorization: session, ...(type && { "Content-Type": type }) };
    return fetch(server.url + path, { method, body, headers });
  };
  return {
    ask,
    token: async () => (await (await ask("/user/sockettoken")).json()).token,
    tell: async (to, text) => {
      const response = await ask("/messages", "POST", JSON.stringify({ to, text }), "application/json");
      return response.json();
    },
    announce: async (text) => (await ask("/announcements", "POST", text)).json(),
  };
}

/** A socket of the user, by the recipe of the README of transom-socketio-internal. */
async function connect(t, server, client, user) {
  const token = await user.token();
  match(token, /^[0-9a-f]{128}$/);
  const io = client === OLD ? require(client) : require(client).io;
  const socket = io.connect(server.url, { forceNew: true, reconnection: false, query: "token=" + token });
  t.after(() => socket.disconnect());
  socket.got = [];
  for (const event of ["message", "announcement"]) socket.on(event, (data) => socket.got.push([event, data]));
  await once(socket, "connect");
  return socket;
}

for (const client of [OLD, "client3", "client4"]) {
  test(`REST routes push to users, on all their devices [${client}]`, { timeout: 20_000 }, async (t) => {
    const server = await example(t, "message_client");
    const [ada, bob] = [await login(server, "ada"), await login(server, "bob")];
    // Before any client is there.
    equal(await ada.tell(["bob"], "early"), 0);
    equal(await ada.announce("early"), 0);

    const [one, two] = [await connect(t, server, client, ada), await connect(t, server, client, ada)];
    const other = await connect(t, server, client, bob);
    equal(await bob.tell(["ada", "absent", "ada"], "hello"), 2);
    equal(await ada.tell(["bob"], "hi"), 1);
    equal(await ada.tell([], "nobody"), 0);
    equal(await ada.announce("tea"), 3);
    const last = ["announcement", { from: "ada", text: "tea" }];
    const told = (from, text) => ["message", { from, text }];
    for (const [socket, message] of [[one, told("bob", "hello")], [two, told("bob", "hello")], [other, told("ada", "hi")]]) {
      while (socket.got.length < 2) await once(socket, "announcement");
      deepEqual(socket.got, [message, last]);
    }
  });

  test(`a user's connections are ended over REST [${client}]`, { timeout: 20_000 }, async (t) => {
    const server = await example(t, "message_client");
    const [ada, bob] = [await login(server, "ada"), await login(server, "bob")];
    const [one, two] = [await connect(t, server, client, ada), await connect(t, server, client, ada)];
    const other = await connect(t, server, client, bob);
    const engines = [one, two].map((socket) => once(socket.io.engine, "close"));
    const left = Promise.all([once(one, "disconnect"), once(two, "disconnect")]);
    equal((await ada.ask("/user/connections", "DELETE")).status, 204);
    deepEqual((await left).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
    await Promise.all(engines);
    equal(await ada.tell(["ada", "bob"], "left"), 1);
    if (!other.got.length) await once(other, "message");
    deepEqual(other.got, [["message", { from: "ada", text: "left" }]]);
  });
}

test("nobody who is not logged in sends anything, gets a ticket or comes in", { timeout: 20_000 }, async (t) => {
  const server = await example(t, "message_client");
  for (const [path, method] of [["/user/sockettoken", "GET"], ["/messages", "POST"], ["/announcements", "POST"]]) {
    equal((await fetch(server.url + path, { method })).status, 401);
  }
  const socket = require("client4").io(server.url, { forceNew: true, reconnection: false });
  t.after(() => socket.disconnect());
  equal((await once(socket, "connect_error"))[0].message, "INVALID_TOKEN");
});

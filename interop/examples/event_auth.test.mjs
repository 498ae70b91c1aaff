import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { example } from "../support/example.mjs";

const require = createRequire(import.meta.url);
const ADA = { id: "token-of-ada", userId: "1" };

/** A socket that notes every event it hears, in order. */
function open(t, server, client, transport, namespace = "/") {
  const { io } = client === "client2" ? { io: require(client) } : require(client);
  const url = server.url + (namespace === "/" ? "" : namespace);
  const socket = io(url, { forceNew: true, transports: [transport], reconnection: false });
  t.after(() => socket.disconnect());
  const heard = [];
  for (const event of ["welcome", "authenticated", "unauthorized", "news", "members", "disconnect"]) {
    socket.on(event, (...args) => heard.push([event, ...args]));
  }
  return { socket, heard };
}

const ask = (socket, ...event) => new Promise((resolve) => socket.emit(...event, resolve));
const event = async (socket, name) => (await once(socket, name))[0];
const news = async (server, text) => {
  const response = await fetch(`${server.url}/news`, { method: "POST", body: text });
  return Number(await response.text());
};

for (const client of ["client2", "client3", "client4"]) {
  for (const transport of ["polling", "websocket"]) {
    const each = (name, body) =>
      test(`${name} [${client} ${transport}]`, { timeout: 20_000 }, async (t) => {
        const server = await example(t, "event_auth");
        await body(server, (namespace) => open(t, server, client, transport, namespace));
      });

    each("the two-step client authenticates, and calls methods", async (server, join) => {
      // As in the README of loopback-socket.
      const { socket, heard } = join();
      const result = await new Promise((resolve, reject) => {
        socket.on("connect", () => {
          socket.emit("authentication", ADA);
          socket.on("unauthorized", reject);
          socket.on("authenticated", () => {
            socket.emit("getProfile", {}, (profile) => {
              if (profile.error) return reject(profile.error);
              socket.emit("getRecords", { skip: 10, limit: 3 }, (records) => resolve([profile, records]));
            });
          });
        });
      });
      deepEqual(result, [{ result: { id: "1", name: "Ada" } }, { result: [10, 11, 12] }]);
      deepEqual(await ask(socket, "getProfile"), result[0]);
      deepEqual(await ask(socket, "getRecords", { limit: 101 }), {
        error: { message: "at most 100 records", code: "too_many" },
      });
      // Whatever it says of itself later, it is who it has shown to be.
      deepEqual(await ask(socket, "getProfile", { userId: "2" }), result[0]);
      equal((await ask(socket, "authentication", { id: "token-of-bob", userId: "2" })).error.code, "already_authenticated");
      deepEqual(heard, [["welcome", "Ada"], ["authenticated", true]]);
    });

    each("two authentications at once are one", async (server, join) => {
      const { socket, heard } = join();
      await once(socket, "connect");
      socket.emit("authentication", ADA);
      socket.emit("authentication", { id: "token-of-bob", userId: "2" });
      await once(socket, "authenticated");
      deepEqual(await ask(socket, "getProfile", {}), { result: { id: "1", name: "Ada" } });
      deepEqual(heard, [["welcome", "Ada"], ["authenticated", true]]);
    });

    each("a refused client is told why, and is gone within a second", async (server, join) => {
      for (const [credentials, message] of [
        [[{ id: "wrong", userId: "1" }], "Authentication failure"],
        [[{ id: "", userId: "1" }], "an access token is needed"],
        [[], "Missing credentials"],
        [[42], "Malformed credentials"],
      ]) {
        const { socket, heard } = join();
        await once(socket, "connect");
        const engine = socket.io.engine;
        const closed = new Promise((resolve) => engine.once("close", resolve));
        const start = Date.now();
        socket.emit("authentication", ...credentials);
        await once(socket, "disconnect");
        await closed;
        ok(Date.now() - start < 1000);
        // In this order, and nothing asks for an acknowledgement that the client could withhold.
        deepEqual(heard.map((one) => one.slice(0, 2)), [
          ["unauthorized", { message }],
          ["disconnect", "io server disconnect"],
        ]);
        equal(heard[0].length, 2);
      }
    });

    each("a silent client is told so and disconnected after three seconds", async (server, join) => {
      const { socket, heard } = join();
      const passed = join();
      await once(passed.socket, "connect");
      passed.socket.emit("authentication", ADA);
      const start = Date.now();
      equal(await event(socket, "disconnect"), "io server disconnect");
      ok(Date.now() - start > 2500);
      deepEqual(heard[0], ["unauthorized", { message: "Authentication timeout" }]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      ok(passed.socket.connected);
      deepEqual((await ask(passed.socket, "getProfile", {})).result.name, "Ada");
    });

    each("nothing reaches a client before, and everything after", async (server, join) => {
      for (const namespace of ["/", "/x"]) {
        const { socket, heard } = join(namespace);
        await once(socket, "connect");
        equal(await news(server, "before"), 0);
        equal((await ask(socket, "getProfile", {})).error.code, "unauthenticated");
        deepEqual(heard, []);
        socket.emit("authentication", ADA);
        await once(socket, "authenticated");
        const last = once(socket, namespace === "/" ? "members" : "news");
        equal(await news(server, "after"), 1);
        await last;
        deepEqual(heard, [
          ["welcome", "Ada"],
          ["authenticated", true],
          ["news", "after"],
          ...(namespace === "/" ? [["members", "after"]] : []),
        ]);
        socket.disconnect();
        while ((await news(server, "left")) > 0);
      }
    });
  }
}

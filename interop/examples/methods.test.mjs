// The client of loopback-socket's README, unchanged, and methods that change while it is connected, C12 to C16.
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import io2 from "client2";
import { io as io4 } from "client4";
import { example } from "../support/example.mjs";

const ADA = { id: "token-of-ada", userId: "1" };

for (const [name, io] of Object.entries({ client2: io2, client4: io4 })) {
  const open = (t, server) => {
    const socket = io(server.url, { forceNew: true, reconnection: false });
    t.after(() => socket.disconnect());
    return socket;
  };
  /** As the README calls a method. */
  const callMyMethod = (socket, ...call) =>
    new Promise((resolve, reject) => {
      socket.emit(...call, (response) => {
        if (response.error) return reject(response.error);
        resolve(response.result);
      });
    });
  const failed = (socket, ...call) => callMyMethod(socket, ...call).then(() => "no error", (error) => error);
  const authenticated = async (t, server) => {
    const socket = open(t, server);
    socket.on("connect", () => socket.emit("authentication", ADA));
    await once(socket, "authenticated");
    return socket;
  };

  test(`the README's client authenticates and calls methods [${name}]`, async (t) => {
    const server = await example(t, "methods");
    const socket = open(t, server);
    const outcome = new Promise((resolve) => {
      socket.on("connect", () => socket.emit("authentication", ADA));
      socket.on("authenticated", () => resolve("authenticated"));
      socket.on("unauthorized", () => resolve("unauthorized"));
    });
    equal(await outcome, "authenticated");
    deepEqual(await callMyMethod(socket, "getProfile", {}), { id: "1", name: "Ada" });
    deepEqual(await callMyMethod(socket, "getRecords", { skip: 1, limit: 2 }), ["banana", "cherry"]);
    equal(await failed(socket, "getRecords", { skip: 0, limit: 101 }), "at most 100 records");
    equal((await failed(socket, "getRecords", "no page")).code, "invalid_data");
    // The original lost the acknowledgement of a call without arguments.
    deepEqual(await callMyMethod(socket, "getProfile"), { id: "1", name: "Ada" });
    equal((await failed(socket, "authentication", ADA)).code, "already_authenticated");
  });

  test(`who is not authenticated is told so and calls nothing [${name}]`, async (t) => {
    const server = await example(t, "methods");
    const socket = open(t, server);
    await once(socket, "connect");
    equal((await failed(socket, "getProfile", {})).code, "unauthenticated");
    socket.emit("authentication", { id: "wrong", userId: "1" });
    const [[told], [reason]] = await Promise.all([once(socket, "unauthorized"), once(socket, "disconnect")]);
    deepEqual([told, reason], [{ message: "Authentication failure" }, "io server disconnect"]);
  });

  test(`what is defined, replaced and removed counts for the next call of a connected client [${name}]`, async (t) => {
    const server = await example(t, "methods");
    const socket = await authenticated(t, server);
    deepEqual(await failed(socket, "getNews"), { message: "invalid method" });
    for (const news of ["first", "second"]) {
      equal((await fetch(`${server.url}/news`, { method: "PUT", body: news })).status, 204);
      equal(await callMyMethod(socket, "getNews", {}), news);
    }
    const remove = () => fetch(`${server.url}/methods/getProfile`, { method: "DELETE" });
    equal((await remove()).status, 204);
    equal((await failed(socket, "getProfile", {})).code, "unknown_event");
    equal((await remove()).status, 404);
    deepEqual(await callMyMethod(socket, "getRecords", { skip: 3, limit: 5 }), ["date"]);
  });

  test(`a call that wants no answer runs and gets none [${name}]`, async (t) => {
    const socket = await authenticated(t, await example(t, "methods"));
    const packets = [];
    const engine = socket.io.engine;
    engine.on("packet", ({ type, data }) => type === "message" && packets.push(data));
    socket.emit("getProfile", {});
    socket.emit("getRecords", { skip: 0, limit: 101 });
    deepEqual(await callMyMethod(socket, "getRecords", { skip: 3, limit: 1 }), ["date"]);
    equal(packets.length, 1);
  });
}

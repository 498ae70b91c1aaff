// The sample application of @loopback/socketio, B22.
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import io2 from "client2";
import { io as io4 } from "client4";
import { example } from "../support/example.mjs";

const ask = (socket, ...event) => new Promise((resolve) => socket.emit(...event, resolve));

for (const [name, io] of Object.entries({ client2: io2, client4: io4 })) {
  const join = async (t, server) => {
    const socket = io(server.url, { forceNew: true, reconnection: false });
    t.after(() => socket.disconnect());
    await once(socket, "connect");
    const heard = [];
    for (const event of ["message", "general-message-forward"]) socket.on(event, (...args) => heard.push([event, ...args]));
    return { socket, heard };
  };
  const message = (...to) => JSON.stringify({ subject: "s", body: { text: "b" }, receiver: { to: to.map((id) => ({ id })) }, options: [1] });
  const told = ["message", { subject: "s", body: { text: "b" }, options: [1] }];

  test(`a message reaches the channels it is for, each client once [${name}]`, async (t) => {
    const server = await example(t, "controllers");
    const [one, two, other] = [await join(t, server), await join(t, server), await join(t, server)];
    deepEqual(await ask(one.socket, "subscribe-to-channel", ["a", "b"]), { result: null });
    deepEqual(await ask(two.socket, "subscribe-to-channel", ["b"]), { result: null });
    deepEqual(await ask(other.socket, "general-message", message("a", "b")), { result: 2 });
    // Whoever connects is in `room 1`.
    deepEqual(await ask(other.socket, "general-message", message("room 1")), { result: 3 });
    deepEqual(await ask(other.socket, "general-message", message("nobody")), { result: 0 });
    deepEqual(await ask(other.socket, "general-message", message()), { result: 0 });
    for (const { socket } of [one, two]) await ask(socket, "subscribe-to-channel", []);
    deepEqual([one.heard, two.heard, other.heard], [[told, told], [told, told], [told]]);
  });

  test(`a forwarded message reaches everybody [${name}]`, async (t) => {
    const server = await example(t, "controllers");
    const [one, two] = [await join(t, server), await join(t, server)];
    deepEqual(await ask(one.socket, "general-message-forward", "hello", { n: 1 }), { result: null });
    await ask(two.socket, "subscribe-to-channel", []);
    for (const { heard } of [one, two]) deepEqual(heard, [["general-message-forward", "hello", { n: 1 }]]);
  });

  test(`what is not appropriate is an error with its message, and the logger answers nothing [${name}]`, async (t) => {
    const { socket } = await join(t, await example(t, "controllers"));
    for (const channels of [[], ["not a list"], [{ a: 1 }], [[1]]]) {
      deepEqual(await ask(socket, "subscribe-to-channel", ...channels), { error: { message: "Channels data not appropriate" } });
    }
    for (const text of [[], [7], ["no JSON"], ["{}"], [JSON.stringify({ subject: 1, body: 2, receiver: {} })]]) {
      deepEqual(await ask(socket, "general-message", ...text), { error: { message: "Inappropriate message data" } });
    }
    equal((await ask(socket, "unknown")).error.code, "unknown_event");
    deepEqual(await ask(socket, "subscribe-to-channel", ["still here"]), { result: null });
  });
}

// What the tests of @loopback/socketio expect of its server, with the controllers of `server/examples/loopback.rs`.
import { deepEqual, equal, match } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import io2 from "client2";
import { io as io4 } from "client4";
import { example } from "../support/example.mjs";

const ask = (socket, ...event) => new Promise((resolve) => socket.emit(...event, resolve));

for (const [name, io] of Object.entries({ client2: io2, client4: io4 })) {
  const each = (title, body) =>
    test(`${title} [${name}]`, async (t) => {
      const server = await example(t, "loopback");
      await body((namespace) => {
        const socket = io(`${server.url}${namespace}`, { forceNew: true, reconnection: false });
        t.after(() => socket.disconnect());
        return socket;
      });
    });
  /** What a client is refused with. */
  const refusal = (socket) =>
    new Promise((resolve, reject) => {
      socket.on("connect", () => reject(new Error("was let in")));
      for (const event of ["connect_error", "error"]) {
        socket.on(event, (error) => resolve(typeof error === "string" ? error : error.message));
      }
    });

  each("every controller is where it says, and nothing else is", async (join) => {
    for (const namespace of ["", "/decorators/ws", "/sequences/ws", "/chats/group1"]) await once(join(namespace), "connect");
    for (const namespace of ["/unlisted", "/chats/", "/x/chats/group1"]) {
      equal(await refusal(join(namespace)), "Invalid namespace");
    }
  });

  each("methods are called as often as they subscribe", async (join) => {
    const [socket, other] = [join("/decorators/ws"), join("")];
    await Promise.all([once(socket, "connect"), once(other, "connect")]);
    for (const event of ["firstEventName1", "firstEventName2", "secondEventName", "thirdEventName", "secondEventName"]) {
      socket.emit(event, "message");
    }
    socket.emit("otherSecondEventName");
    socket.emit("fourthEventName");
    await ask(socket, "fifthEventName");
    const counts = {
      ...{ onConnectOne: 1, onConnectTwo: 1, firstMethod: 2, secondMethod: 3, thirdMethod: 1, topMethods: 6 },
      ...{ fourthMethod1: 1, fourthMethod2: 1, fifthMethod: 1 },
    };
    deepEqual(await ask(other, "counts"), { result: counts });
    socket.disconnect();
    let { result } = await ask(other, "counts");
    while (!result.onDisconnect) ({ result } = await ask(other, "counts"));
    deepEqual(result, { ...counts, onDisconnect: 1 });
  });

  each("answers are results or errors of these shapes", async (join) => {
    for (const namespace of ["", "/sequences/ws"]) {
      const socket = join(namespace);
      deepEqual(await ask(socket, "oneEvent", { randomNumber: 7 }), { result: { text: "the number is 7" } });
      deepEqual(await ask(socket, "nothing"), { result: null });
      deepEqual(await ask(socket, "text"), { error: "myError" });
      deepEqual(await ask(socket, "failure"), { error: { message: "boom", code: "loud", data: 7 } });
      deepEqual(await ask(socket, "internal"), { error: { message: "internal error", code: "internal" } });
      deepEqual(await ask(socket, "by expression", 3, 4), { result: 7 });
      const answered = once(socket, "anotherEvent response");
      socket.emit("anotherEvent", { randomNumber: 7 });
      await answered;
    }
  });

  each("a chat's messages stay in its group", async (join) => {
    const [one, same, other] = [join("/chats/group1"), join("/chats/group1"), join("/chats/group2")];
    await Promise.all([one, same, other].map((socket) => once(socket, "connect")));
    const heard = [];
    other.on("chat message", (text) => heard.push(text));
    const both = Promise.all([one, same].map((socket) => once(socket, "chat message")));
    one.emit("chat message", "Hello");
    for (const [text] of await both) match(text, /^\[.+\] Hello$/);
    other.emit("chat message", "Bye");
    await once(other, "chat message");
    equal(heard.length, 1);
    match(heard[0], /Bye$/);
  });

  each("who cannot be opened, or fails in a hook, is refused and no zombie", async (join) => {
    equal(await refusal(join("/failing/open")), "cannot be opened");
    equal(await refusal(join("/failing/later")), "the hook failed");
  });
}

import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import io2 from "client2";
import { io as io4 } from "client4";
import { example } from "../support/example.mjs";

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, resolve));
const plain = (value) => JSON.parse(JSON.stringify(value, (_, part) => (part?.type === "Buffer" ? "bytes" : part)));

for (const [name, io] of Object.entries({ client2: io2, client4: io4 })) {
  test(`acknowledgements have the shape that their namespace gives them [${name}]`, async (t) => {
    const server = await example(t, "responder");
    const answers = async (namespace) => {
      const socket = io(`${server.url}${namespace}`, { forceNew: true });
      t.after(() => socket.disconnect());
      const all = {};
      for (const event of ["nothing", "picture", "bad", "plain", "internal"]) all[event] = plain(await ask(socket, event));
      return { ...all, one: await ask(socket, "oneEvent", 7) };
    };
    deepEqual(await answers("/"), {
      one: { result: { text: "the number is 7" } },
      nothing: { result: null },
      picture: { result: "bytes" },
      bad: { error: { message: "Bad method name", code: "bad_name" } },
      plain: { error: "nothing but a text" },
      internal: { error: { message: "internal error", code: "internal" } },
    });
    deepEqual(await answers("/own"), {
      one: { myBody: { text: "the number is 7" } },
      nothing: { myBody: null },
      picture: { myBody: "bytes" },
      bad: { myAppErrorMessage: "Bad method name" },
      plain: { myAppErrorMessage: "nothing but a text" },
      internal: { myAppErrorMessage: "internal error" },
    });
  });
}

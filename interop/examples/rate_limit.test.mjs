import { deepEqual, equal, ok } from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { example } from "../support/example.mjs";

const require = createRequire(import.meta.url);
const HOME = "https://example.com";

for (const client of ["client4", "client2"]) {
  const io = require(client);
  const open = (t, url, options) => {
    const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"], ...options });
    t.after(() => socket.disconnect());
    return socket;
  };
  const call = (socket, ...args) => new Promise((resolve) => socket.emit(...args, resolve));
  const opened = (socket) => new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));

  test(`the sixth event of five a second is an error, another client is unaffected [${client}]`, async (t) => {
    const server = await example(t, "rate_limit");
    const [flood, other] = [open(t, server.url), open(t, server.url)];
    await Promise.all([opened(flood), opened(other)]);
    // In one go: the acknowledgements come in order.
    const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => call(flood, "echo", `${n}`)));
    deepEqual(answers.slice(0, 5), ["0", "1", "2", "3", "4"]);
    const { error } = answers[5];
    equal(error.code, "rate_limited");
    equal(error.message, "too many requests");
    ok(error.data.retry_after > 0 && error.data.retry_after <= 0.2, JSON.stringify(error));
    deepEqual(await Promise.all(["a", "b", "c", "d", "e"].map((text) => call(other, "echo", text))), ["a", "b", "c", "d", "e"]);
    // The client comes again when it was told to.
    await new Promise((resolve) => setTimeout(resolve, error.data.retry_after * 1000));
    equal(await call(flood, "echo", "again"), "again");
  });

  test(`a user has one allowance on all devices [${client}]`, async (t) => {
    const server = await example(t, "rate_limit");
    const as = (user) => open(t, server.url, { query: { user } });
    const [phone, desk, bob] = [as("ada"), as("ada"), as("bob")];
    await Promise.all([phone, desk, bob].map(opened));
    equal(await call(phone, "shout", "hello"), undefined);
    equal((await call(desk, "shout", "hello")).error.code, "rate_limited");
    equal(await call(bob, "shout", "hello"), undefined);
  });

  test(`an event that is too large is refused, and bytes beyond the limit end the connection [${client}]`, async (t) => {
    const server = await example(t, "rate_limit");
    const socket = open(t, server.url);
    await opened(socket);
    equal(await call(socket, "note", "x".repeat(900)), 900);
    deepEqual((await call(socket, "note", "x".repeat(2000))).error.data, { max: 1000 });
    const uploads = open(t, `${server.url}/uploads`);
    await opened(uploads);
    const gone = new Promise((resolve) => uploads.on("disconnect", resolve));
    equal(await call(uploads, "upload", Buffer.alloc(900_000)), 900_000);
    equal((await call(uploads, "upload", Buffer.alloc(900_000))).error.code, "rate_limited");
    ok(["io server disconnect", "transport close"].includes(await gone));
    equal(socket.connected, true);
  });

  test(`the query of the connection and what a namespace is asked with are apart [${client}]`, async (t) => {
    const server = await example(t, "rate_limit");
    const main = open(t, server.url, { query: { token: "main" } });
    await opened(main);
    const second =
      client === "client2"
        ? main.io.socket("/connection2", { query: { token: "second" } })
        : main.io.socket("/connection2", { auth: { token: "second" } });
    second.connect();
    deepEqual(await new Promise((resolve) => second.on("seen", (...seen) => resolve(seen))), ["main", "second"]);
  });

  test(`a proxy's word counts [${client}]`, async (t) => {
    const server = await example(t, "rate_limit");
    const extraHeaders = { "x-forwarded-for": "6.6.6.6, 192.0.2.7", "x-forwarded-proto": "https" };
    const [behind, direct] = [open(t, server.url, { extraHeaders }), open(t, server.url)];
    await Promise.all([opened(behind), opened(direct)]);
    const both = (socket) => new Promise((resolve) => socket.emit("who", (...answer) => resolve(answer)));
    deepEqual(await both(behind), ["192.0.2.7", true]);
    deepEqual(await both(direct), ["127.0.0.1", false]);
  });
}

test("a page of the named site may read polling answers, one of another may not", async (t) => {
  const server = await example(t, "rate_limit");
  const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const from = (origin, more) => fetch(url, { ...more, headers: { ...more?.headers, origin } });
  const right = await from(HOME);
  equal(right.headers.get("access-control-allow-origin"), HOME);
  equal(right.headers.get("access-control-allow-credentials"), "true");
  const { sid } = JSON.parse((await right.text()).slice(1));
  const posted = await fetch(`${url}&sid=${sid}`, { method: "POST", body: "40", headers: { origin: HOME } });
  equal(posted.headers.get("access-control-allow-origin"), HOME);
  for (const origin of ["https://evil.example", "null"]) {
    equal((await from(origin)).headers.get("access-control-allow-origin"), null);
  }
  const preflight = await from(HOME, { method: "OPTIONS", headers: { "access-control-request-method": "POST" } });
  ok(preflight.ok);
  equal(preflight.headers.get("access-control-allow-origin"), HOME);
  equal(preflight.headers.get("access-control-allow-methods"), "GET,POST");
});

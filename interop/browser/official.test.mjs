// The official client's bundle in a browser, against the test server of CONTRACT.md.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { context } from "../support/clients.mjs";
import { ROOT, own } from "../support/server.mjs";
import { open } from "./support/browser.mjs";
import { front } from "./support/front.mjs";

const BUNDLE = join(ROOT, "node_modules/client4/dist/socket.io.esm.min.js");
const MODES = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

for (const [mode, transports] of Object.entries(MODES)) {
  test(`text and binary go both ways [${mode}]`, { timeout: 60_000 }, async (t) => {
    const page = await visit(t, await own(t, { transports: transports.join() }));
    const said = await page.evaluate(async (transports) => {
      const socket = await connected(transports);
      const bytes = new Uint8Array([0, 1, 2, 255]);
      const echo = new Promise((resolve) => socket.on("echo", (...args) => resolve(args)));
      socket.emit("echo", "text ✨", { bytes, deeper: [bytes.buffer, new Blob([bytes])] }, null);
      const upload = await socket.emitWithAck("upload", { name: "blob", bytes: new Blob([bytes, bytes]) });
      socket.on("question", (value, answer) => answer(value, bytes));
      const asked = await socket.emitWithAck("ask", "question", bytes);
      return plain({ echo: await echo, upload, asked, transport: socket.io.engine.transport.name });
    }, transports);
    const bytes = [0, 1, 2, 255];
    assert.deepEqual(said, {
      echo: ["text ✨", { bytes, deeper: [bytes, bytes] }, null],
      upload: { name: "blob", bytes: [...bytes, ...bytes], size: 8 },
      asked: bytes,
      transport: transports.at(-1),
    });
  });
}

test("the session's cookie is set, sent back, and hidden from the page", { timeout: 60_000 }, async (t) => {
  const server = await own(t, { transports: "polling", cookie: "io" });
  const page = await visit(t, server);
  const next = page.waitForRequest((request) => request.url().includes("sid="));
  const { sid, visible } = await page.evaluate(async () => {
    const socket = await connected(["polling"]);
    return { sid: socket.io.engine.id, visible: document.cookie };
  });
  assert.equal(visible, "");
  const [cookie] = await page.context().cookies(page.url());
  assert.deepEqual([cookie.name, cookie.value, cookie.httpOnly, cookie.sameSite], ["io", sid, true, "Lax"]);
  assert.equal((await (await next).allHeaders()).cookie, `io=${sid}`);
});

test("the bundle that the server itself serves connects", { timeout: 60_000 }, async (t) => {
  const server = await own(t, { "client-dir": join(ROOT, "node_modules/socket.io/client-dist") });
  const page = await visit(t, server);
  await page.addScriptTag({ url: "/socket.io/socket.io.min.js" });
  const answer = await page.evaluate(async () => {
    const socket = window.io({ reconnection: false });
    return socket.emitWithAck("ack", "from the bundle");
  });
  assert.equal(answer, "from the bundle");
});

test("a closed window is told of at once", { timeout: 60_000 }, async (t) => {
  const server = await own(t);
  const watch = await context(t, server).connect("/watch");
  const left = watch.inbox("left");
  const page = await visit(t, server);
  const id = await page.evaluate(async () => (await connected(["websocket"])).id);
  await page.close();
  assert.deepEqual(await left.next(), [{ id, ns: "/", reason: "transport close" }]);
});

test("a page that asks for a namespace reads why it may not come in", { timeout: 60_000 }, async (t) => {
  const page = await visit(t, await own(t));
  const refusals = await page.evaluate(async () => {
    const refusal = (name, auth) =>
      new Promise((resolve) => {
        const socket = client.io(name, { auth, reconnection: false });
        socket.on("connect", () => resolve("let in"));
        socket.on("connect_error", ({ message, data }) => resolve({ message, data: data ?? null }));
      });
    return [await refusal("/private"), await refusal("/private", { token: "secret" }), await refusal("/nowhere")];
  });
  const [without, withToken, nowhere] = refusals;
  assert.deepEqual(without, { message: "not authorized", data: { hint: "token" } });
  assert.equal(withToken, "let in");
  assert.equal(nowhere.message, "Invalid namespace");
});

/** A page with the client loaded, from a web server of the test's own that has `server` behind it. */
async function visit(t, server) {
  const page = await open(t);
  const url = await front(t, server, {
    "/": ["text/html", PAGE],
    "/client.js": ["text/javascript", await readFile(BUNDLE)],
  });
  await page.goto(url);
  await page.waitForFunction(() => window.client);
  return page;
}

const PAGE = `<!doctype html>
<link rel="icon" href="data:," />
<script type="module">
  import * as client from "/client.js";

  /** A socket over these transports, once it has reached the last of them. */
  window.connected = async (transports) => {
    const socket = client.io({ transports, reconnection: false });
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
    const { engine } = socket.io;
    if (engine.transport.name !== transports.at(-1)) await new Promise((resolve) => engine.once("upgrade", resolve));
    return socket;
  };

  /** The same value with lists of numbers for bytes. */
  window.plain = (value) => {
    if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
    if (Array.isArray(value)) return value.map(plain);
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  };

  window.client = client;
</script>`;

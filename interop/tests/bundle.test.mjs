// G12: the client's bundle, from an installed npm package.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createContext, runInContext } from "node:vm";
import { WebSocket } from "ws";
import { one } from "../support/clients.mjs";
import { same } from "../support/expect.mjs";
import { request } from "../support/raw.mjs";
import { ROOT, own, shared } from "../support/server.mjs";

const FOLDER = join(ROOT, "node_modules/socket.io/client-dist");
const NAMES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
const serving = shared({ "client-dir": FOLDER });
const get = (name, headers = {}, server = serving) => request(server, {}, { path: `${server.path}/${name}`, headers });

for (const name of NAMES.flatMap((name) => [name, `${name}.map`])) {
  one(`G12 ${name} is served as it is, and again only if it changed`, async () => {
    const { status, headers, body } = await get(name);
    assert.equal(status, 200);
    assert.equal(body, await readFile(join(FOLDER, name), "utf8"));
    const type = name.endsWith(".map") ? "application/json" : "application/javascript";
    assert.equal(headers.get("content-type").toLowerCase(), `${type}; charset=utf-8`);
    assert.equal(headers.get("cache-control"), "public, max-age=0");
    const etag = headers.get("etag");
    assert.match(etag, /^"[^"]+"$/);
    for (const known of [etag, `W/${etag}`]) {
      const again = await get(name, { "if-none-match": known });
      same([again.status, again.body], [304, ""]);
    }
    assert.equal((await get(name, { "if-none-match": '"0.0.0"' })).status, 200);
  });
}

one("G12 nothing else of the folder, nor above it, is served", async () => {
  for (const name of ["socket.io.esm.js", "..%2fpackage.json", "%2e%2e/package.json", "index.html", "socket.io.js.map.map"]) {
    assert.notEqual((await get(name)).status, 200, name);
  }
});

one("G12 without a folder there is no bundle", async (t) => {
  const plain = await own(t);
  for (const name of NAMES) assert.notEqual((await get(name, {}, plain)).status, 200);
});

one("G12 the served module connects", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "bundle-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "socket.io.mjs");
  await writeFile(file, (await get("socket.io.esm.min.js")).body);
  const { io, Fetch } = await import(pathToFileURL(file));
  const socket = io(serving.url, { transports: [Fetch], reconnection: false });
  t.after(() => socket.disconnect());
  same(await socket.emitWithAck("ack", "from the bundle"), "from the bundle");
});

for (const [name, parser] of [["socket.io.js", "json"], ["socket.io.min.js", "json"], ["socket.io.msgpack.min.js", "msgpack"]]) {
  one(`G12 the served ${name} connects, as in a page`, async (t) => {
    const server = await own(t, { "client-dir": FOLDER, parser });
    const page = createContext({ WebSocket, URL, setTimeout, clearTimeout, queueMicrotask, ArrayBuffer, Uint8Array, TextEncoder });
    runInContext((await get(name, {}, server)).body, page);
    const socket = page.io(server.url, { transports: ["websocket"], reconnection: false });
    t.after(() => socket.disconnect());
    assert.equal(await socket.emitWithAck("ack", "from the bundle"), "from the bundle");
  });
}

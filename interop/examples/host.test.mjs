import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { authority } from "../support/certificate.mjs";
import { example } from "../support/example.mjs";

const require = createRequire(import.meta.url);

// Node's own `once` takes the `error` of old clients for a failure of the test.
const once = (emitter, name) => new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));
const ask = (socket, event, ...args) => new Promise((resolve) => socket.emit(event, ...args, resolve));
const probe = async (server, path) => (await fetch(server.url + path)).status;

function open(t, server, client, options = {}) {
  const io = client === "client2" ? require(client) : require(client).io;
  const socket = io(server.url, { forceNew: true, reconnection: false, ...options });
  t.after(() => socket.disconnect());
  return socket;
}

/** The example with a certificate of the test's own authority. */
async function secure(t) {
  const { ca, certificate, key } = authority();
  const folder = mkdtempSync(join(tmpdir(), "host-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const env = { CERTIFICATE: join(folder, "certificate.pem"), KEY: join(folder, "key.pem") };
  writeFileSync(env.CERTIFICATE, certificate);
  writeFileSync(env.KEY, key);
  return { ca, server: await example(t, "host", env) };
}

for (const client of ["client2", "client4"]) {
  for (const transport of ["polling", "websocket"]) {
    const options = { transports: [transport] };

    test(`a signal ends the host in order [${client} ${transport}]`, { timeout: 20_000 }, async (t) => {
      const server = await example(t, "host");
      const sockets = [open(t, server, client, options), open(t, server, client, options)];
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      equal(await ask(sockets[0], "count"), 101);
      equal(await ask(sockets[1], "count"), 102);
      equal(await ask(sockets[0], "secure"), false);
      deepEqual([await probe(server, "/ready"), await probe(server, "/live")], [200, 200]);
      sockets[0].emit("break down", true);
      equal(await ask(sockets[0], "count"), 103);
      deepEqual([await probe(server, "/ready"), await probe(server, "/healthy")], [503, 200]);

      const left = sockets.map((socket) => once(socket, "disconnect"));
      server.signal("SIGTERM");
      for (const [reason] of await Promise.all(left)) equal(reason, "transport close");
      equal(await server.exit, 0);
      deepEqual(server.lines, ["counted to 103", "ended with 0"]);
      const other = createServer().listen(server.port, "127.0.0.1");
      await once(other, "listening");
      other.close();
    });

    test(`a client that trusts the authority connects [${client} ${transport}]`, { timeout: 20_000 }, async (t) => {
      const { ca, server } = await secure(t);
      ok(server.url.startsWith("https:"));
      const socket = open(t, server, client, { ...options, ca });
      await once(socket, "connect");
      equal(await ask(socket, "secure"), true);
      equal(await ask(socket, "count"), 101);

      const stranger = open(t, server, client, { ...options, ca: authority().ca });
      await once(stranger, "connect_error");
      equal(stranger.connected, false);
      const left = once(socket, "disconnect");
      server.signal("SIGINT");
      deepEqual((await left)[0], "transport close");
      equal(await server.exit, 0);
      deepEqual(server.lines, ["counted to 101", "ended with 0"]);
    });
  }
}

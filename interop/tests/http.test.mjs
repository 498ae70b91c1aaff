// A1, D33, D34, G11: what is ours and what is not; session ids, cookies and headers.
import assert from "node:assert/strict";
import { context, each, one } from "../support/clients.mjs";
import { deviation, same } from "../support/expect.mjs";
import { proxy } from "../support/proxy.mjs";
import { Polling, Wire, request } from "../support/raw.mjs";
import { fresh, own, shared } from "../support/server.mjs";

const server = shared();
const HANDSHAKE = { EIO: 4, transport: "polling" };

one("A1 only requests for Socket.IO are answered by it", async () => {
  for (const path of ["/", "/socket.iox", "/socket.iox/", "/other/socket.io/", "/SOCKET.IO/"]) {
    const { status, body } = await request(server, HANDSHAKE, { path });
    same([status, body], [404, "inner"], path);
  }
  assert.equal((await request(server, HANDSHAKE, { path: "/socket.io/" })).status, 200);
});

one("D33 the slash at the end of the path makes no difference", async () => {
  // Node leaves the path without it to others.
  assert.equal((await request(server, HANDSHAKE, { path: "/socket.io" })).status, deviation(200, 404));
});

for (const path of ["/x", "/deep/er"]) {
  each(`D33 another path: ${path}`, fresh({ path }), async ({ connect, server, mode }) => {
    const peer = await connect();
    same(await peer.call("ack", mode), [mode]);
    const { status, body } = await request(server, HANDSHAKE, { path: "/socket.io/" });
    same([status, body], [404, "inner"]);
  });
}

each("D34 session ids of the server's own making", fresh({ "sid-prefix": "my-" }), async ({ connect, old }) => {
  const peer = await connect();
  assert.match(peer.sid, /^my-/);
  same(await peer.call("ack", 1), [1]);
  if (!old) assert.doesNotMatch(peer.id, /^my-/);
});

one("D34 G11 no cookie unless asked for", async () => {
  assert.equal((await request(server, HANDSHAKE)).headers.get("set-cookie"), null);
});

one("D34 G11 a cookie holds the session's id, on the first response only", async (t) => {
  const session = await Polling.open(await own(t, { cookie: "io" }));
  const first = await request(session.server, HANDSHAKE);
  const { sid } = JSON.parse(first.body.slice(1));
  assert.equal(first.headers.get("set-cookie"), `io=${sid}; Path=/; HttpOnly; SameSite=Lax`);
  assert.equal((await session.post("40")).headers.get("set-cookie"), null);
  assert.equal((await session.get()).headers.get("set-cookie"), null);
});

for (const mode of ["polling", "upgrade"]) {
  one(`G11 a client sends the cookie it was given back [client4 ${mode}]`, async (t) => {
    const seen = await proxy(t, await own(t, { cookie: "io" }));
    const peer = await context(t, seen, "client4", mode).connect("/", { withCredentials: true });
    await peer.sync();
    const requests = seen.sent().split(/(?=(?:GET|POST) \/socket\.io\/)/);
    const later = requests.filter((head) => head.includes(`sid=${peer.sid}`));
    assert.ok(later.length > 1);
    for (const head of later) assert.match(head, new RegExp(`^cookie: io=${peer.sid}\r$`, "im"));
    if (mode === "upgrade") assert.ok(later.some((head) => /^upgrade: websocket\r$/im.test(head)));
  });
}

one("G11 headers of the first and of every response", async (t) => {
  const session = await Polling.open(await own(t, { "initial-header": "x-first:1", header: "x-every:2" }));
  const seen = ({ headers }) => [headers.get("x-first"), headers.get("x-every")];
  same(seen(await request(session.server, HANDSHAKE)), ["1", "2"]);
  same(seen(await session.post("40")), [null, "2"]);
  same(seen(await session.get()), [null, "2"]);
  const wire = await Wire.open(t, session.server);
  same([wire.headers["x-first"], wire.headers["x-every"]], ["1", "2"]);
  const probe = await Wire.open(t, session.server, { sid: session.sid });
  same([probe.headers["x-first"], probe.headers["x-every"]], [undefined, "2"]);
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import io2 from "client2";
import { io as io4 } from "client4";
import { example } from "../support/example.mjs";

const SECRET = "the secret that this test and the server share";

/** Signed here, as any other program would. */
function token(claims = {}, { secret = SECRET, alg = "HS256" } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = { sub: "ada", exp: Date.now() / 1000 + 3600, ...claims };
  const message = `${part({ alg, typ: "JWT" })}.${part(body)}`;
  const signature = alg === "none" ? "" : createHmac("sha256", secret).update(message).digest("base64url");
  return `${message}.${signature}`;
}

const start = (t) => example(t, "jwt", { JWT_SECRET: SECRET });

function connect(t, io, url, options) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  t.after(() => socket.disconnect());
  return socket;
}

const refusals = [
  ["expired", "token_expired", "the token has expired", () => token({ exp: Date.now() / 1000 - 100 })],
  ["early", "token_not_yet_valid", "the token is not valid yet", () => token({ nbf: Date.now() / 1000 + 100 })],
  ["another key", "invalid_token", "the token is not valid", () => token({}, { secret: "another" })],
  ["alg none", "invalid_token", "the token is not valid", () => token({}, { alg: "none" })],
  ["another audience", "invalid_token", "the token is not valid", () => token({ aud: "somebody else" })],
  ["none", "no_token", "a token is needed", () => undefined],
];

test("the example jwt takes its own login's token from client 4", async (t) => {
  const { url } = await start(t);
  const given = await fetch(`${url}/login`, { method: "POST", body: "ada" }).then((response) => response.text());
  const socket = connect(t, io4, url, { auth: { token: given, userId: "eve" } });
  const message = once(socket, "message");
  socket.emit("message", "hello");
  deepEqual(await message, ["ada", "hello"]);
});

test("the example jwt takes a token from a header, a query and a subprotocol", async (t) => {
  const { url } = await start(t);
  for (const options of [
    { extraHeaders: { authorization: `Bearer ${token()}` } },
    { query: { token: token() } },
    { transports: ["websocket"], protocols: ["chat", `bearer.${token()}`] },
  ]) {
    const socket = connect(t, io4, url, options);
    await once(socket, "connect");
    // Entered later, when nothing is left of the request.
    const lobby = socket.io.socket("/lobby");
    equal(await lobby.emitWithAck("who"), "ada");
  }
});

for (const [name, code, message, make] of refusals) {
  test(`the example jwt refuses client 4: ${name}`, async (t) => {
    const { url } = await start(t);
    const given = make();
    const socket = connect(t, io4, url, given ? { auth: { token: given } } : {});
    const [error] = await once(socket, "connect_error");
    equal(error.message, message);
    deepEqual(error.data, { code });
    ok(!socket.connected);
  });

  test(`the example jwt refuses client 2: ${name}`, async (t) => {
    const { url } = await start(t);
    const given = make();
    const socket = connect(t, io2, url, given ? { query: { token: given } } : {});
    equal(await new Promise((resolve) => socket.on("error", resolve)), message);
  });
}

test("the example jwt disconnects client 4 when its token ends, and not the one that renewed", async (t) => {
  const { url } = await start(t);
  const short = () => token({ exp: Date.now() / 1000 + 1 });
  const began = Date.now();
  const [lost, kept] = [1, 2].map(() => connect(t, io4, url, { auth: { token: short() } }));
  // Within its last minute, hence at once.
  const [left] = await once(kept, "expiring");
  ok(left <= 1, left);
  equal((await kept.emitWithAck("renew", token({ sub: "eve" }))).error.code, "other_user");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  equal(await kept.emitWithAck("renew", token({ exp })), exp);
  const [reason] = await once(lost, "disconnect");
  equal(reason, "io server disconnect");
  const lasted = Date.now() - began;
  ok(lasted > 800 && lasted < 3000, `${lasted} ms`);
  const message = once(kept, "message");
  kept.emit("message", "still here");
  deepEqual(await message, ["ada", "still here"]);
});

test("the example jwt disconnects client 2 when its token ends", async (t) => {
  const { url } = await start(t);
  const began = Date.now();
  const socket = connect(t, io2, url, { query: { token: token({ exp: Date.now() / 1000 + 1 }) } });
  const message = new Promise((resolve) => socket.on("message", (...args) => resolve(args)));
  socket.emit("message", "hello");
  deepEqual(await message, ["ada", "hello"]);
  const reason = await new Promise((resolve) => socket.on("disconnect", resolve));
  equal(reason, "io server disconnect");
  const lasted = Date.now() - began;
  ok(lasted > 800 && lasted < 3000, `${lasted} ms`);
});

test("the example jwt lets guests into the lobby, with client 4 and client 2", async (t) => {
  const { url } = await start(t);
  const guest = connect(t, io4, `${url}/lobby`);
  equal(await guest.emitWithAck("who"), "a guest");
  equal((await guest.emitWithAck("secret")).error.code, "no_token");
  const bad = connect(t, io4, `${url}/lobby`, { auth: { token: "bad" } });
  deepEqual((await once(bad, "connect_error"))[0].data, { code: "invalid_token" });
  const old = connect(t, io2, `${url}/lobby`, { query: { token: token() } });
  equal(await new Promise((resolve) => old.emit("who", resolve)), "ada");
});

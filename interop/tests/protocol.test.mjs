// D35, D37, D38, D39, D40, B23: what a peer may see who keeps to no rule, and that nobody else notices.
import assert from "node:assert/strict";
import { context, one } from "../support/clients.mjs";
import { deviation, same } from "../support/expect.mjs";
import { Polling, Wire, refusedUpgrade, request } from "../support/raw.mjs";
import { own, shared } from "../support/server.mjs";

const server = shared();

const errors = [
  ["no transport", { EIO: 4 }, {}, 0, "Transport unknown"],
  ["an unknown transport", { EIO: 4, transport: "pigeon" }, {}, 0, "Transport unknown"],
  ["a prototype's name as transport", { EIO: 4, transport: "__proto__" }, {}, 0, "Transport unknown"],
  ["an unknown session", { EIO: 4, transport: "polling", sid: "none" }, {}, 1, "Session ID unknown"],
  ["a prototype's name as session", { EIO: 4, transport: "polling", sid: "constructor" }, {}, 1, "Session ID unknown"],
  ["a post to no session", { EIO: 4, transport: "polling" }, { method: "POST", body: "40" }, 2, "Bad handshake method"],
  ["WebSocket without upgrade", { EIO: 4, transport: "websocket" }, {}, 3, "Bad request"],
];
for (const [what, query, init, code, message] of errors) {
  one(`D37 ${what} is error ${code}`, async () => {
    const { status, headers, body } = await request(server, query, init);
    same([status, body], [400, JSON.stringify({ code, message })]);
    assert.match(headers.get("content-type"), /^application\/json/);
  });
}

one("D37 D42 the old protocol where it is off is error 5", async (t) => {
  const strict = await own(t, { "allow-eio3": false });
  for (const query of [{ EIO: 3 }, {}, { EIO: 5 }]) {
    const { status, body } = await request(strict, { ...query, transport: "polling" });
    same([status, body], [400, '{"code":5,"message":"Unsupported protocol version"}']);
  }
});

one("D37 a WebSocket for an unknown session is refused before it is one", async () => {
  const { status, body } = await refusedUpgrade(server, { EIO: 4, transport: "websocket", sid: "none" });
  assert.equal(status, 400);
  assert.match(body, /Session ID unknown/);
});

one("D37 a session's other transport is a bad request", async (t) => {
  const wire = await Wire.open(t, server);
  const { sid } = await wire.join();
  const { body } = await request(server, { EIO: 4, transport: "polling", sid });
  assert.equal(body, '{"code":3,"message":"Bad request"}');
});

const violations = {
  "a second CONNECT": ["40"],
  "an event for a namespace not joined": ['42/chat,["echo"]'],
  "text that is no packet": ["4abc"],
  "an unknown packet type": ["49"],
  "an event that is no list": ["42{}"],
  "an event with no name": ["42[]"],
  "an event named by an object": ["42[{}]"],
  "an event named null": ["42[null]"],
  "broken JSON": ['42["echo"'],
  "text before the payload": ['42abc["echo"]'],
  "an attachment that is not there": ['451-["echo",{"_placeholder":true,"num":7}]', Buffer.from([1])],
  "text instead of an attachment": ['451-["echo",{"_placeholder":true,"num":0}]', '42["echo"]'],
  "an attachment nobody waits for": [Buffer.from([1])],
  "a million attachments": ['451000000-["echo",{"_placeholder":true,"num":0}]'],
  "a ping of a client": ["2"],
  "a reserved event: connect": ['42["connect"]'],
  "a reserved event: disconnect": ['42["disconnect","forged"]'],
  "a reserved event: connect_error": ['42["connect_error"]'],
  "a CONNECT whose payload is no object": ['40/chat,"text"'],
};
for (const [what, frames] of Object.entries(violations)) {
  one(`D35 D38 D39 B23 ${what} closes its own connection only`, async (t) => {
    const { as } = context(t, server);
    const other = await as("client4", "polling").connect();
    const watch = await as().connect("/watch");
    const leaving = watch.inbox("leaving");
    const wire = await Wire.open(t, server);
    const { id } = await wire.join();
    wire.send(...frames);
    await wire.closed;
    let told;
    while (told?.id !== id) [told] = await leaving.next(); // peers of earlier tests may be going, too
    assert.ok(["forced close", "transport error", "parse error"].includes(told.reason), told.reason);
    same(await other.call("ack", "alive"), ["alive"]);
  });
}

for (const [what, frame] of Object.entries({ "an event": '42["echo"]', "an ack": "431[]", "a DISCONNECT": "41" })) {
  one(`D38 ${what} before CONNECT closes the connection`, async (t) => {
    const wire = await Wire.open(t, server);
    await wire.until("0");
    wire.send(frame);
    await wire.closed;
  });
}

one("D38 an invalid packet by polling closes the session at the next poll", async () => {
  const session = await Polling.open(server);
  await session.join();
  await session.post("4abc");
  assert.equal((await session.get()).body, "6\x1e1");
  assert.equal((await session.get()).body, '{"code":1,"message":"Session ID unknown"}');
});

one("D38 two polls at once end the session", async () => {
  const session = await Polling.open(server);
  await session.join();
  const polls = await Promise.all([session.get(), session.get()]);
  same(polls.map(({ status }) => status).sort(), [200, 400]);
  assert.equal(polls.find(({ status }) => status === 200).body, "1");
  assert.equal((await session.get()).body, '{"code":1,"message":"Session ID unknown"}');
});

one("D38 a close packet by WebSocket closes the connection", async (t) => {
  // Node ignores it there: such a client is gone when the heartbeat fails.
  const wire = await Wire.open(t, await own(t, deviation({}, { "ping-interval": 100, "ping-timeout": 100 })));
  await wire.join();
  wire.send("1");
  await wire.closed;
});

one("D38 a client that joins nothing is sent away", async (t) => {
  const impatient = await own(t, { "connect-timeout": 100 });
  const wire = await Wire.open(t, impatient);
  await wire.closed;
  const session = await Polling.open(impatient);
  assert.match((await session.get()).body, /^(6\x1e)?1$/);
});

one("B23 a number is a name nobody handles", async (t) => {
  const wire = await Wire.open(t, server);
  await wire.join();
  wire.send("4242[1]", '427["ack","alive"]');
  await wire.until("437");
});

one("D35 more than max-payload is 413 by polling, and the session lives on", async (t) => {
  const small = await own(t, { "max-payload": 1000 });
  const session = await Polling.open(small);
  assert.equal(session.handshake.maxPayload, 1000);
  const id = await session.join();
  const { status } = await session.post(`42["echo","${"x".repeat(1000)}"]`);
  assert.equal(status, 413);
  await session.post('421["rooms"]');
  assert.equal((await session.get()).body, `431[{"id":"${id}","rooms":[]}]`);
});

one("D35 more than max-payload closes a WebSocket with 1009", async (t) => {
  const wire = await Wire.open(t, await own(t, { "max-payload": 1000 }));
  await wire.join();
  wire.send(`42["echo","${"x".repeat(1000)}"]`);
  assert.equal(await wire.closed, 1009);
});

one("D35 clients cut their batches to max-payload", async (t) => {
  const small = await own(t, { "max-payload": 2000 });
  const peer = await context(t, small, "client4", "polling").connect();
  const echo = peer.inbox("echo");
  for (let i = 0; i < 10; i++) peer.emit("echo", i, "x".repeat(900), Buffer.alloc(100));
  await echo.count(10);
});

one("D40 a socket's id is no key to its session", async (t) => {
  const peer = await context(t, server, "client4", "polling").connect();
  const query = { EIO: 4, transport: "polling", sid: peer.id };
  assert.equal((await request(server, query)).body, '{"code":1,"message":"Session ID unknown"}');
  assert.equal((await request(server, query, { method: "POST", body: "41" })).body, '{"code":1,"message":"Session ID unknown"}');
  same(await peer.call("ack", "alive"), ["alive"]);
});

one("D42 an old client is in the root unasked, and its heartbeat is answered", async (t) => {
  const wire = await Wire.open(t, server, { EIO: 3 });
  await wire.until("0{");
  assert.equal(await wire.next(), "40");
  await wire.until('42["welcome"');
  wire.send("2");
  assert.equal(await wire.next(), "3");
  wire.send('421["ack","é😀"]', '451-2["ack",{"_placeholder":true,"num":0}]', Buffer.from([4, 1, 2]));
  assert.equal(await wire.next(), '431["é😀"]');
  assert.equal(await wire.next(), '461-2[{"_placeholder":true,"num":0}]');
  same(await wire.next(), Buffer.from([4, 1, 2]));
});

// The example `recovery` and the official client, over connections that are cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { io } from "client4";
import { example } from "../support/example.mjs";
import { same } from "../support/expect.mjs";
import { proxy } from "../support/proxy.mjs";

const MODES = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
const FAST = { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, randomizationFactor: 0 };

/** A client over a line of its own, and one that stays. */
async function pair(t, transports, env = {}, namespace = "/") {
  const server = await example(t, "recovery", env);
  const line = await proxy(t, server);
  const connect = async (url) => {
    const socket = io(url + namespace, { ...FAST, transports });
    t.after(() => socket.disconnect());
    await once(socket, "connect");
    return socket;
  };
  const [client, other] = [await connect(line.url), await connect(server.url)];
  if (transports.length > 1 && client.io.engine.transport.name === "polling") await once(client.io.engine, "upgrade");
  await client.emitWithAck("subscribe", ["red", "blue"]);
  const news = [];
  client.on("news", (text, picture) => news.push(picture ? [text, picture] : text));
  client.on("back", (by) => news.push(`back by ${by}`));
  return { server, line, client, other, news };
}

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

/** Everything that was sent before is here. */
const synced = (client) => new Promise((resolve) => client.emit("me", (...me) => resolve(me)));

/** Runs `meanwhile` while the client has no connection and cannot get one. */
async function away({ line, client }, meanwhile, how = "cut") {
  const gone = once(client, "disconnect");
  client.io.reconnection(false);
  line[how]();
  await gone;
  await meanwhile();
  line.mend();
  const back = once(client, "connect");
  client.connect();
  await back;
}

for (const [mode, transports] of Object.entries(MODES)) {
  test(`id, rooms, data and missed packets come back, in order and once [${mode}]`, async (t) => {
    const all = await pair(t, transports);
    const { client, other, news } = all;
    const { id } = client;
    const [number, rooms] = await synced(client);
    await other.emitWithAck("publish", "red", "seen");
    await synced(client);
    await away(all, async () => {
      await other.emitWithAck("publish", "red", "one");
      await other.emitWithAck("publish", "green", "not for it");
      await other.emitWithAck("publish", "blue", "two", Buffer.from([0, 1, 255]));
      await other.emitWithAck("publish", "red", "three");
    });
    assert.equal(client.recovered, true);
    assert.equal(client.id, id);
    await other.emitWithAck("publish", "red", "live");
    same(await synced(client), [number, rooms, true]);
    same(news, ["seen", "one", ["two", Buffer.from([0, 1, 255])], "three", "back by Recovery", "live"]);
  });

  test(`volatile events do not spoil the offset [${mode}]`, async (t) => {
    const all = await pair(t, transports);
    const { client, other, news } = all;
    const ticks = [];
    client.on("tick", (text) => ticks.push(text));
    await other.emitWithAck("publish", "red", "seen");
    while (ticks.length === 0) await Promise.all([other.emitWithAck("tick"), synced(client)]);
    await away(all, () => other.emitWithAck("publish", "red", "missed"));
    assert.equal(client.recovered, true);
    await synced(client);
    same(news, ["seen", "missed", "back by Recovery"]);
  });

  test(`idle clients and those without any event come back, again and again [${mode}]`, async (t) => {
    const all = await pair(t, transports, { MAX_PACKETS: "30" });
    const { client, other, news } = all;
    const { id } = client;
    const publish = (n) => Promise.all(Array.from({ length: n }, () => other.emitWithAck("publish", "green", "x")));
    for (let i = 0; i < 3; i++) {
      // More than are kept, so that what the client got last is not among them any more.
      await publish(40);
      await away(all, () => publish(20));
      same([client.recovered, client.id], [true, id]);
      // What it is greeted with it must have got: that will be gone the next time.
      await synced(client);
    }
    same(news, Array(3).fill("back by Recovery"));
  });

  test(`a half-open connection is taken over at once [${mode}]`, async (t) => {
    const all = await pair(t, transports);
    const { client, other, news } = all;
    const { id } = client;
    // The server's end of the old connection stays open: only the pid tells.
    await away(all, () => other.emitWithAck("publish", "red", "missed"), "strand");
    same([client.recovered, client.id], [true, id]);
    await other.emitWithAck("publish", "red", "live");
    await synced(client);
    same(news, ["missed", "back by Recovery", "live"]);
  });

  test(`by itself the client comes back while others go on [${mode}]`, async (t) => {
    const all = await pair(t, transports);
    const { client, other, line, news } = all;
    const { id } = client;
    let sent = 0;
    for (let cuts = 0; cuts < 5; cuts++) {
      const [gone, back] = [once(client, "disconnect"), once(client, "connect")];
      line[cuts % 2 ? "strand" : "cut"]();
      const more = (async () => {
        for (let i = 0; i < 20; i++) await other.emitWithAck("publish", "red", `${sent++}`);
      })();
      await gone;
      line.mend();
      await Promise.all([back, more]);
      same([client.recovered, client.id], [true, id]);
    }
    await synced(client);
    same(news.filter((text) => !text.startsWith("back")), Array.from({ length: sent }, (_, i) => `${i}`));
  });
}

test("after the window the client is another one", async (t) => {
  const all = await pair(t, MODES.websocket, { WINDOW_MS: "50" });
  const { client, other, news } = all;
  const { id } = client;
  await away(all, async () => {
    await other.emitWithAck("publish", "red", "lost");
    // Until the server has forgotten it, which is known by nothing but time.
    for (const end = performance.now() + 200; performance.now() < end; ) await other.emitWithAck("me");
  });
  assert.equal(client.recovered, false);
  assert.notEqual(client.id, id);
  same((await synced(client)).slice(1), [[], false]);
  same(news, []);
});

test("a pid or an offset of nobody's is that of a new client", async (t) => {
  for (const break_ of [(client) => (client._pid = "x".repeat(40)), (client) => (client._lastOffset = "Q7w5OoW")]) {
    const all = await pair(t, MODES.websocket);
    const { client, other } = all;
    const { id } = client;
    await away(all, async () => {
      await other.emitWithAck("publish", "red", "missed");
      break_(client);
    });
    assert.equal(client.recovered, false);
    assert.notEqual(client.id, id);
  }
});

test("a namespace of a pattern waits for its only client", async (t) => {
  const all = await pair(t, MODES.websocket, {}, "/rooms/7");
  const { client, other } = all;
  const { id } = client;
  other.disconnect();
  await away(all, async () => {});
  same([client.recovered, client.id], [true, id]);
});

test("who leaves on purpose does not come back", async (t) => {
  const { client } = await pair(t, MODES.websocket);
  const { id } = client;
  client.disconnect();
  const back = once(client, "connect");
  client.connect();
  await back;
  assert.equal(client.recovered, false);
  assert.notEqual(client.id, id);
});

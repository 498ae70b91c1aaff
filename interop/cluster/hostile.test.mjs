// G13, G14, G15: what is foreign and malformed on an engine's channels does no harm. To our nodes alone: Node's throw at it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { same } from "../support/expect.mjs";
import { each, shared, until } from "./support/clusters.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { onPostgres, onRedis } from "./support/use.mjs";

const json = (value) => Buffer.from(JSON.stringify(value));
const hex = (text) => Buffer.from(text.replace(/\s/g, ""), "hex");
const DEEP = 100_000;
const opts = { rooms: [], except: [], flags: {} };
const packet = { type: 2, data: ["news", "from nobody"] };

/** Bytes that mean nothing to anybody. */
const NOISE = [
  "", " ", "{", "}", "{}", "[]", "null", "0", "-1", '""', "[[", '{"a":', "\u0000", "\ufeff{}", "hello", '{"type":3}',
].map((text) => Buffer.from(text)).concat(
  [Buffer.from("[".repeat(DEEP)), Buffer.from(`${"[".repeat(DEEP)}${"]".repeat(DEEP)}`), Buffer.from('{"a":'.repeat(DEEP))],
  // msgpack: nothing, never used, cut off, larger than said, deep, extensions, and something behind the end.
  ["c0", "c1", "80", "90", "81", "9f", "df ffffffff", "dd ffffffff", "c6 ffffffff", "db ffffffff", "c9 ffffffff 01", "d9 05 61"].map(hex),
  [Buffer.alloc(DEEP, 0x91), Buffer.alloc(DEEP, 0x81), Buffer.concat([hex("81 a1 61 01"), Buffer.alloc(100, 0xff)])],
  [hex("d6 ff 00000000"), hex("c7 0c ff ffffffff ffffffffffffffff"), hex("d4 00 00"), hex("cb 7ff8000000000000"), Buffer.alloc(1 << 20, 0x78)],
);

/** Envelopes as of Node's cluster adapters, of which something is wrong. */
const ENVELOPES = [
  ...[0, 14, 99, -1, 1.5, "3", null, 2 ** 60].map((type) => ({ type, data: { packet, opts }, uid: "x", nsp: "/" })),
  ...[undefined, null, 0, "", "text", [], {}, { packet }, { opts }, { packet: {}, opts }, { packet: { type: 2 }, opts }].flatMap(
    // That 6 goes with nothing but whom it is for is as it should be.
    (data) => [3, 4, 5, data?.opts ? 7 : 6, 7, 8, 9, 10, 11, 12].map((type) => ({ type, data, uid: "x", nsp: "/" })),
  ),
  ...[null, 1, {}, [], "", "y".repeat(5000)].map((uid) => ({ type: 3, data: { packet: { type: 2, data: [] }, opts }, uid, nsp: "/" })),
  ...[null, "/other", "", 5, {}].map((nsp) => ({ type: 4, data: { opts, rooms: ["x"] }, uid: "x", nsp })),
  ...["[]", [], {}, [1], [null], ["connect"], ["disconnect"], "news"].map((data) => ({
    type: 3, data: { packet: { type: 2, data }, opts }, uid: "x", nsp: "/",
  })),
  ...[{ rooms: null }, { rooms: "x" }, { rooms: [null] }, { rooms: [{}] }, { rooms: [], except: 7 }].map((wrong) => ({
    type: 3, data: { packet, opts: wrong }, uid: "x", nsp: "/",
  })),
  { type: 3, data: { packet: { type: 5, data: ["news", { _placeholder: true, num: 3 }] }, opts }, uid: "x", nsp: "/" },
  // Answers to what nobody asked, and questions of somebody who never asks again.
  { type: 8, data: { requestId: "unknown", sockets: [{ id: "x", handshake: {}, rooms: [], data: {} }] }, uid: "x", nsp: "/" },
  { type: 10, data: { requestId: "unknown", packet: 1 }, uid: "x", nsp: "/" },
  { type: 11, data: { requestId: "unknown", clientCount: 2 ** 53 }, uid: "x", nsp: "/" },
  { type: 12, data: { requestId: "unknown", packet: 1 }, uid: "x", nsp: "/" },
  { type: 7, data: { opts, requestId: "z".repeat(5000) }, uid: "x", nsp: "/" },
  { type: 7, data: { opts, requestId: "q" }, uid: "*?[", nsp: "/" },
  { type: 9, data: { packet: ["unknown", 1], requestId: "q" }, uid: "#", nsp: "/" },
  { type: 13, uid: "x", nsp: "/" },
];

/** What of all this clients may see: events are as good from one node as from another. */
const HARMLESS = [packet.data, [1], ["news", { _placeholder: true, num: 3 }]].map((event) => JSON.stringify(event));

/** What other adapters and other libraries write. */
const FOREIGN = [
  { method: "emit", event: "news", data: ["python"], namespace: "/", room: null, skip_sid: null, callback: null, host_id: "0123" },
  { uid: "KiRiSG", requestId: "pnwRFx", type: 1 },
  { senderId: "abc", type: 0, data: { sid: "x", transportName: "polling", type: "read" } },
];
/** As of Node's classic adapter: to another namespace, and with parts of which something is wrong. */
const CLASSIC = [
  hex("93 a6 616263313233 83 a4 74797065 02 a4 64617461 92 a3 666f6f a3 626172 a3 6e7370 a2 2f78 83 a5 726f6f6d73 90 a6 657863657074 90 a5 666c616773 80"),
  hex("93 a6 616263313233 c0 80"), hex("93 c0 c0 c0"), hex("91 01"), hex("93 a1 61 81 a4 74797065 02 80"), hex("93 a1 61 80 81 a5 726f6f6d73 05"),
  hex("93 a6 616263313233 83 a4 74797065 02 a4 64617461 05 a3 6e7370 a1 2f 83 a5 726f6f6d73 90 a6 657863657074 90 a5 666c616773 80"),
];
const REQUESTS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -1, "5", null].flatMap((type) => [
  { type }, { type, uid: 5, requestId: {} }, { type, requestId: "q", opts: null, rooms: 7, sockets: {}, data: 1, packet: 1 },
  { type, uid: "x", requestId: "w".repeat(5000), opts: { rooms: [{}], except: [] }, rooms: [null], data: [], close: "yes" },
  { type, sid: "nobody", room: "x", close: false, requestId: "legacy" },
]);
const ALL = [...NOISE, ...ENVELOPES.map(json), ...FOREIGN.map(json), ...CLASSIC, ...REQUESTS.map(json)];

const publish = (command, topics) => async ({ client }) => {
  const channels = [...topics, ...(await client.call("PUBSUB", command === "SPUBLISH" ? "SHARDCHANNELS" : "CHANNELS", "*"))];
  await Promise.all(channels.flatMap((channel) => ALL.map((payload) => client.callBuffer(command, channel, payload))));
  return channels.length * ALL.length;
};

async function append({ client }) {
  const fields = [
    ["a", "b"], ["nsp", "/"], ["nsp", "/", "type", "3"], ["nsp", "/", "type", "3", "data", ""], ["uid", "x", "nsp", "/", "type", "x", "data", "{}"],
    ...ALL.filter(({ length }) => length < 300_000).flatMap((data) => [
      ["uid", "x", "nsp", "/", "type", "3", "data", data], ["uid", "x", "nsp", "/", "type", "8", "data", data.toString("base64")],
    ]),
    ...ENVELOPES.map(({ type, data, uid, nsp }) => ["uid", String(uid), "nsp", String(nsp), "type", String(type), "data", String(JSON.stringify(data))]),
  ];
  await Promise.all(fields.map((entry) => client.callBuffer("XADD", "socket.io", "*", ...entry)));
  return fields.length + (await publish("PUBLISH", ["socket.io#/#"])({ client }));
}

async function notify(server) {
  // Postgres itself takes neither what is too long nor what is no text.
  const texts = ALL.map((payload) => payload.toString("utf8")).filter((text) => text.length > 0 && text.length < 7900 && !text.includes("\0"));
  const ids = await server.tell("insert into socket_io_attachments (payload) select decode(x, 'hex') from unnest($1::text[]) x returning id", [
    ALL.map((payload) => payload.toString("hex")),
  ]);
  const headers = ids.flatMap(({ id }) => [{ uid: "x", type: 3, attachmentId: String(id) }]);
  const wrong = ["999999999", "-1", "x", "1; drop table socket_io_attachments", 1, null, {}, "9".repeat(40)].map((attachmentId) => ({ uid: "x", type: 3, attachmentId }));
  const all = [...texts, ...[...headers, ...wrong].map((header) => JSON.stringify(header))];
  await server.tell("select pg_notify('socket.io#/', x) from unnest($1::text[]) x", [all]);
  return all.length;
}

function withstands(row, adapter, engine, harm, options = {}) {
  describe(adapter, () => {
    const cluster = shared(row, adapter, ["rust", "rust"], engine, { namespaces: ["/"], ...options });
    each(cluster, "what is foreign or malformed harms nobody", async (scene) => {
      const { here, there, nodes } = scene;
      const peers = await Promise.all(nodes.map((on) => scene.peer(on, { rooms: ["room"] })));
      const all = peers.map((peer) => {
        const events = [];
        peer.socket.onAny((event, ...args) => event !== "fence" && event !== "probe" && events.push([event, ...args]));
        return events;
      });
      const lines = nodes.map(({ log }) => log.length);
      let sent = 0;
      let memory;
      for (let round = 0; round < 6; round++) {
        sent += await harm(scene.cluster.engine.server);
        await scene.settled(...peers);
        if (round === 1) memory = nodes.map(size);
      }
      for (const acting of [here, there]) {
        await acting.tell("emit", { to: ["room"], event: "news", args: ["well"] });
        await until(async () => (await acting.tell("fetch", { to: ["room"] })).length === 2);
      }
      await scene.settled(...peers);
      for (const events of all) {
        same(events.filter(([, text]) => text === "well"), [["news", "well"], ["news", "well"]]);
        const others = new Set(events.filter(([, text]) => text !== "well").map((event) => JSON.stringify(event)));
        same([...others].filter((event) => !HARMLESS.includes(event)), []);
      }
      same((await here.tell("server-ask", { event: "add", args: [1], timeout: 8000 })).answers, [2]);
      same(await Promise.all(nodes.map((node) => node.tell("servers"))), [2, 2]);
      for (const [i, node] of nodes.entries()) {
        const more = node.log.length - lines[i];
        assert.ok(more < 60, `${more} lines in the log of ${node.name}:\n${node.log.slice(-10).join("\n")}`);
        const grown = size(node) - memory[i];
        assert.ok(grown < 64 << 20, `${node.name} has grown by ${grown} bytes`);
      }
      scene.t.diagnostic(`${sent} messages; log lines: ${nodes.map(({ log }, i) => log.length - lines[i])}`);
    }, { timeout: 120_000 });
  });
}

/** The memory of a node in bytes (Linux). */
function size({ child }) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) * 1024;
}

if (CLUSTER_NODE) {
  const classic = ["socket.io#/#", "socket.io#/#room#", "socket.io#/#unknown#", "socket.io#/#x", "socket.io-request#/#", "socket.io-response#/#"];
  withstands("G13", "classic", onRedis(), publish("PUBLISH", classic));
  withstands("G13", "sharded", onRedis(), publish("SPUBLISH", ["socket.io#/#", "socket.io#/#room#"]));
  withstands("G14", "streams", onRedis(), append);
  withstands("G15", "postgres", onPostgres(), notify);
}

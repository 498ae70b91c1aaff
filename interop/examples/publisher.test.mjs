import { deepEqual, equal } from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { example } from "../support/example.mjs";

const require = createRequire(import.meta.url);
const KEY = "the key of this test";

const once = (emitter, name) => new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

/** The example, and the addresses of its two nodes. */
async function start(t) {
  const server = await example(t, "publisher", { PUBLISH_KEY: KEY });
  while (!server.lines.length) await new Promise((resolve) => setTimeout(resolve, 5));
  return { url: server.url, urls: [server.url, server.lines[0].replace("listening on http://localhost", "http://127.0.0.1")] };
}

/** Publishes by the route of a node, and gives the status and the answer. */
async function publish(url, message, key = KEY) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
  const body = typeof message === "string" ? message : JSON.stringify(message);
  const response = await fetch(`${url}/publish`, { method: "POST", headers, body });
  return [response.status, await response.text()];
}

/** A socket that notes what it gets, until `all()` has it: all that was sent to it before. */
async function open(t, url, client, namespace = "/blog", follow = false) {
  const io = client === "client2" ? require(client) : require(client).io;
  const socket = io(url + namespace, { forceNew: true, reconnection: false, transports: ["websocket"] });
  t.after(() => socket.disconnect());
  const got = [];
  socket.on("ArticleUpdated", (...args) => got.push(args));
  await once(socket, "connect");
  if (follow) await new Promise((resolve) => socket.emit("follow", resolve));
  return { socket, got, id: socket.id };
}

/** What each of them got: the mark that the same node publishes last comes behind everything else. */
async function received(url, peers) {
  const marks = peers.map(({ socket }) => once(socket, "mark"));
  for (const namespace of ["default", "blog"]) {
    equal((await publish(url, { event: "mark", data: [], namespace }))[0], 202);
  }
  await Promise.all(marks);
  return peers.map(({ got }) => got.splice(0));
}

for (const client of ["client2", "client3", "client4"]) {
  test(`an event of a client reaches the members on both nodes [${client}]`, { timeout: 20_000 }, async (t) => {
    const { urls } = await start(t);
    const author = await open(t, urls[0], client, "/blog", true);
    const here = await open(t, urls[0], client, "/blog", true);
    const there = await open(t, urls[1], client, "/blog", true);
    const other = await open(t, urls[1], client);
    await new Promise((resolve) => author.socket.emit("ArticleUpdated", "7", resolve));
    deepEqual(await received(urls[0], [author, here, there, other]), [[], [["7"]], [["7"]], []]);
  });

  test(`a route publishes to whom its message says, on both nodes [${client}]`, { timeout: 20_000 }, async (t) => {
    const { urls } = await start(t);
    const [one, two] = [await open(t, urls[0], client, "/blog", true), await open(t, urls[1], client, "/blog", true)];
    const [other, root] = [await open(t, urls[1], client), await open(t, urls[1], client, "/")];
    const event = "ArticleUpdated";
    const table = [
      [{ namespace: "blog" }, [1, 1, 1, 0]],
      [{}, [0, 0, 0, 1]],
      [{ namespace: "default" }, [0, 0, 0, 1]],
      [{ namespace: "/blog", room: "members" }, [1, 1, 0, 0]],
      [{ socketId: one.id }, [1, 0, 0, 0]],
      [{ socketId: two.id }, [0, 1, 0, 0]],
      [{ socketId: root.id }, [0, 0, 0, 1]],
      [{ namespace: "blog", socketId: two.id, broadcast: true }, [1, 0, 1, 0]],
      [{ namespace: "blog", room: "members", socketId: one.id, broadcast: true }, [0, 1, 0, 0]],
    ];
    for (const [to, counts] of table) {
      for (const url of urls) {
        deepEqual(await publish(url, { event, data: ["7", { n: 1 }], ...to }), [202, ""]);
        const expected = counts.map((count) => (count ? [["7", { n: 1 }]] : []));
        deepEqual(await received(url, [one, two, other, root]), expected, JSON.stringify(to));
      }
    }
  });
}

test("a message that is wrong is refused with a status, and publishes nothing", { timeout: 20_000 }, async (t) => {
  const { url, urls } = await start(t);
  const peers = [await open(t, urls[0], "client4"), await open(t, urls[1], "client4")];
  const event = "ArticleUpdated";
  const blog = { event, data: [], namespace: "blog" };
  equal((await publish(url, blog, "a guess"))[0], 401);
  equal((await publish(url, "{", "a guess"))[0], 401);
  equal((await publish(url, "{"))[0], 400);
  for (const wrong of [{ event }, { ...blog, rooms: "members" }, { ...blog, data: "7" }]) {
    equal((await publish(url, wrong))[0], 422);
  }
  const refused = [
    [{ ...blog, namespace: "unknown" }, 404, "unknown_namespace"],
    [{ ...blog, event: "" }, 422, "empty"],
    [{ ...blog, event: "disconnect" }, 422, "reserved_event"],
    [{ ...blog, room: "members", socketId: peers[0].id }, 422, "needs_broadcast"],
  ];
  for (const [message, status, code] of refused) {
    const [actual, body] = await publish(url, message);
    deepEqual([actual, JSON.parse(body).error.code], [status, code]);
  }
  deepEqual(await received(url, peers), [[], []]);
});

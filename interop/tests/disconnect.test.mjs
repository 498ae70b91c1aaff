// D26, D27: ends of sockets, who is told what.
import assert from "node:assert/strict";
import { once } from "node:events";
import { each } from "../support/clients.mjs";
import { deviation, range, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const server = shared();

/** What `/watch` is told about a socket that goes: `leaving` first. */
async function obituaries({ as }) {
  const watch = await as().connect("/watch");
  const told = [];
  let wake = () => {};
  for (const event of ["leaving", "left"]) {
    watch.socket.on(event, (what) => {
      told.push([event, what]);
      wake();
    });
  }
  const about = (id) => told.filter(([, what]) => what.id === id);
  return {
    async of(id) {
      while (!about(id).some(([event]) => event === "left")) await new Promise((resolve) => (wake = resolve));
      await watch.sync();
      return about(id);
    },
  };
}
const gone = (id, ns, reason, rooms) => [["leaving", { id, ns, reason, rooms }], ["left", { id, ns, reason }]];
const ending = (peer) => new Promise((resolve) => peer.socket.once("disconnect", resolve));

each("D26 a client that leaves is still in its rooms when the server is told", server, async (context) => {
  const told = await obituaries(context);
  const peer = await context.connect();
  await peer.call("join", ["b", "a"]);
  const { id } = peer;
  const end = ending(peer);
  peer.socket.disconnect();
  assert.equal(await end, "io client disconnect");
  same(await told.of(id), gone(id, "/", "client namespace disconnect", ["a", "b"]));
});

each("D26 a lost transport ends every namespace of its connection", server, async (context) => {
  const told = await obituaries(context);
  const root = await context.connect();
  const chat = await root.open("/chat").connected();
  await chat.call("join", ["a"]);
  const ids = [root.id, chat.id];
  root.manager.engine.close();
  same(await told.of(ids[0]), gone(ids[0], "/", "transport close", []));
  same(await told.of(ids[1]), gone(ids[1], "/chat", "transport close", ["a"]));
});

each("D27 the server ends one namespace", server, async (context) => {
  const told = await obituaries(context);
  const root = await context.connect();
  const chat = await root.open("/chat").connected();
  const { id } = chat;
  const end = ending(chat);
  chat.emit("kick", false);
  assert.equal(await end, "io server disconnect");
  same(await told.of(id), gone(id, "/chat", "server namespace disconnect", []));
  same(await root.call("ack", "alive"), ["alive"]);
  const welcome = chat.inbox("welcome");
  chat.socket.connect();
  same(await welcome.next(), [chat.id]);
});

each("D27 the server ends the whole connection", server, async (context) => {
  const told = await obituaries(context);
  const root = await context.connect();
  const chat = await root.open("/chat").connected();
  const { id } = root;
  const ends = [ending(root), ending(chat)];
  const closed = once(root.manager.engine, "close");
  chat.emit("kick", true);
  same(await Promise.all(ends), ["io server disconnect", "io server disconnect"]);
  await closed;
  same(await told.of(id), gone(id, "/", "server namespace disconnect", []));
});

each("D26 events sent before a disconnection arrive", server, async (context) => {
  const told = await obituaries(context);
  const peer = await context.connect();
  const other = await context.as().connect();
  const news = other.inbox("news");
  const { id } = peer;
  for (let i = 0; i < 10; i++) peer.emit("cast", { to: [other.id] }, "news", i);
  peer.socket.disconnect();
  await told.of(id);
  await other.sync();
  // Node forgets events that have not reached their handlers when the DISCONNECT comes.
  same(news.all, range(deviation(10, news.all.length)).map((i) => [i]));
});

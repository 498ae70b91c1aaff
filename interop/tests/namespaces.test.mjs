// D18, D19, D20, D22, D25, D40: namespaces on one connection, dynamic ones, guarded ones.
import assert from "node:assert/strict";
import { each } from "../support/clients.mjs";
import { onNode, same } from "../support/expect.mjs";
import { shared } from "../support/server.mjs";

const server = shared();

each("D18 namespaces share a connection and nothing else", server, async ({ connect }) => {
  const root = await connect();
  const chat = await root.open("/chat").connected();
  assert.equal(root.manager, chat.manager);
  const [here, there] = [root.inbox("echo"), chat.inbox("echo")];
  chat.emit("echo", "chat", Buffer.from("c"));
  root.emit("echo", "root");
  same(await there.next(), ["chat", Buffer.from("c")]);
  same(await here.next(), ["root"]);
  same(await Promise.all([root.call("ack", 1), chat.call("ack", 2)]), [[1], [2]]);
  await root.call("join", ["shared name"]);
  same(await chat.call("members", "shared name"), [[]]);
  chat.socket.disconnect();
  same(await root.call("ack", "alive"), ["alive"]);
  const again = await root.open("/dynamic-1").connected();
  root.socket.disconnect();
  same(await again.call("ack", "alive"), ["alive"]);
  same([here.all.length, there.all.length], [1, 1]);
});

each("D18 a namespace can be left and joined again on the same connection", server, async ({ connect }) => {
  const root = await connect();
  const chat = await root.open("/chat").connected();
  await chat.sync();
  const { sid } = root;
  const [welcome, echo] = [chat.inbox("welcome"), chat.inbox("echo")];
  for (let i = 0; i < 3; i++) {
    chat.socket.disconnect();
    // Node takes a CONNECT right behind a DISCONNECT for a second one and closes the connection.
    if (onNode) await root.sync();
    chat.socket.connect();
    same(await welcome.next(), [chat.id]);
    chat.emit("echo", i);
    same(await echo.next(), [i]);
  }
  assert.equal(root.sid, sid);
  assert.equal(echo.all.length, 3);
});

each("D19 a dynamic namespace lets in the names it knows", server, async ({ connect }) => {
  const root = await connect();
  const one = await root.open("/dynamic-101").connected();
  same(await one.call("ack", 1), [1]);
  for (const name of ["/abc", "/dynamic-", "/dynamic-1x", "/x/dynamic-1", "/chat/", "/CHAT"]) {
    // An object for old clients as well: so do Node's servers that serve both, and Engine.IO 3 clients read either.
    const wanted = { message: "Invalid namespace" };
    same(await root.open(name).refused(), wanted, name);
  }
  same(await root.call("ack", "alive"), ["alive"]);
});

each("D19 D12 children of a dynamic namespace are apart", server, async ({ connect }) => {
  const root = await connect();
  const [one, two] = await Promise.all(["/dynamic-1901", "/dynamic-1902"].map((name) => root.open(name).connected()));
  const news = [one, two].map((peer) => peer.inbox("news"));
  await one.call("cast", {}, "news", 1);
  await Promise.all([one.sync(), two.sync()]);
  same(news.map(({ all }) => all), [[[1]], []]);
});

each("D20 what the parent emits reaches every child", server, async ({ connect }) => {
  const root = await connect();
  const [one, two] = await Promise.all(["/dynamic-1", "/dynamic-2"].map((name) => root.open(name).connected()));
  const news = [one, two, root].map((peer) => peer.inbox("news"));
  await root.call("cast", { parent: true }, "news", "to the children", Buffer.from("b"));
  await Promise.all([one.sync(), two.sync(), root.sync()]);
  same(news.map(({ all }) => all), [[["to the children", Buffer.from("b")]], [["to the children", Buffer.from("b")]], []]);
});

each("D22 a guarded namespace tells why it refuses and lets in who fits", server, async ({ connect, old }) => {
  const root = await connect();
  const data = { hint: "token" };
  same(await root.open("/private").refused(), old ? data : { message: "not authorized", data });
  same(await root.open("/refused").refused(), old ? "refused" : { message: "refused" });
  const other = await connect("/private", { auth: { token: "secret" } });
  const [{ auth }] = await other.call("handshake");
  same(auth, { token: "secret" });
});

each("D22 nothing reaches a client that was refused", server, async ({ connect, as }) => {
  const root = await connect();
  const refused = root.open("/private", { token: "wrong" });
  const news = refused.inbox("news");
  await refused.refused();
  const other = await as().connect("/private", { auth: { token: "secret" } });
  await other.call("cast", {}, "news");
  await root.call("cast", { ns: "/private" }, "news");
  await root.sync();
  same(news.all, []);
});

each("D25 a handler sees the connection's query and headers and the namespace's auth", server, async ({ connect, old }) => {
  const root = await connect("/", {
    query: { token: "a b&c=d/é" },
    extraHeaders: { "x-interop": "header" },
    auth: { name: "root" },
  });
  const chat = await root.open("/chat", { name: "chat", ...(old ? {} : { deep: [1, null] }) }).connected();
  const shared = { token: "a b&c=d/é", header: "header" };
  // The root of an old client has no CONNECT packet of its own, hence no query.
  const [mine] = await root.call("handshake");
  if (old) mine.auth = { name: "root" };
  same(mine, { ...shared, auth: { name: "root" } });
  same(await chat.call("handshake"), [{ ...shared, auth: old ? { name: "chat" } : { name: "chat", deep: [1, null] } }]);
});

each("D40 the socket's id and the session's id", server, async ({ open, old }) => {
  const root = open();
  const welcome = root.inbox("welcome");
  await root.connected();
  const chat = root.open("/chat");
  const welcomed = chat.inbox("welcome");
  await chat.connected();
  same(await welcome.next(), [root.id]);
  same(await welcomed.next(), [chat.id]);
  if (old) {
    same([root.id, chat.id], [root.sid, `/chat#${root.sid}`]);
  } else {
    assert.equal(new Set([root.id, chat.id, root.sid]).size, 3);
    for (const id of [root.id, chat.id, root.sid]) assert.match(id, /^[A-Za-z0-9_-]{20}$/);
  }
  same((await chat.call("rooms"))[0].id, chat.id);
});

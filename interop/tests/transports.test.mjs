// D1, D2, D3, D4, D41, D42: the ways to the server, with every client.
import assert from "node:assert/strict";
import { each } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import { proxy } from "../support/proxy.mjs";
import { fresh, shared } from "../support/server.mjs";

const server = shared();

each("D1 D2 D3 D42 a client connects and echoes text and binary over its transport", server, async ({ connect, mode }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  peer.emit("echo", "text", 1, Buffer.from([0, 1, 254, 255]), { deep: [Buffer.from("x")] });
  same(await echo.next(), ["text", 1, Buffer.from([0, 1, 254, 255]), { deep: [Buffer.from("x")] }]);
  assert.equal(peer.transport, mode === "polling" ? "polling" : "websocket");
});

each(
  "D3 D41 1000 numbered events, both ways and across the upgrade, arrive once and in order",
  server,
  async ({ at }, t) => {
    const held = await proxy(t, server, { hold: true });
    const peer = await at(held).open("/", { noWait: true }).connected();
    const [echo, numbers] = [peer.inbox("echo"), peer.inbox("number")];
    let before;
    peer.manager.engine.once("upgrade", () => (before = echo.all.length));
    for (let i = 0; i < 1000; i++) {
      if (i === 100) await echo.count(1); // these travelled by polling
      if (i === 200) held.release();
      if (i === 700) await peer.upgraded(); // 500 left while the upgrade was under way
      peer.emit("echo", i);
      if (i % 20 === 0) peer.emit("burst", 20);
      if (i % 10 === 0) await new Promise(setImmediate);
    }
    await peer.sync();
    assert.equal(peer.transport, "websocket");
    assert.ok(before > 0 && before < 1000, `${before} arrived before the upgrade`);
    same(echo.all, range(1000).map((i) => [i]));
    same(numbers.all, range(1000).map((i) => [i % 20]));
  },
  { modes: ["upgrade"] },
);

each("D41 handlers are entered in arrival order", server, async ({ connect }) => {
  const peer = await connect();
  const echo = peer.inbox("echo");
  for (const i of range(300)) peer.emit("echo", i);
  same(await echo.count(300), range(300).map((i) => [i]));
});

for (const only of ["polling", "websocket"]) {
  each(
    `D4 a server that allows ${only} only serves that and nothing else`,
    fresh({ transports: only }),
    async ({ open, mode }) => {
      const peer = open("/", { noWait: true });
      const fits = mode === only || (mode === "upgrade" && only === "polling");
      if (!fits) return peer.refused();
      await peer.connected();
      same(await peer.call("ack", 1), [1]);
      assert.equal(peer.transport, only);
    },
  );
}

each(
  "D42 a server without the old protocol refuses it",
  fresh({ "allow-eio3": false }),
  async ({ open, as, mode }) => {
    await open().refused();
    const modern = await as("client4", mode).connect();
    same(await modern.call("ack", 1), [1]);
  },
  { clients: ["client2"] },
);

// F24: what clients and the server see of a proxy. `cargo xtask test proxy` runs these with the real ones.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { MODES, context, each, one } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import * as proxies from "../support/proxies.mjs";
import { shared } from "../support/server.mjs";

const CLIENTS = ["client4", "client2"];
const NODE = { "trust-proxies": "127.0.0.1/32", cookie: "io" };
const nodes = [shared(NODE), shared(NODE)];
const BIG = Buffer.from(range(700_000).map((i) => i % 251));

for (const name of proxies.PROXIES) {
  describe(name, () => {
    const proxy = proxies.shared(name, nodes);
    const closed = proxies.shared(name, nodes, "withoutUpgrades");
    const unsticky = proxies.shared(name, nodes, "unsticky");

    each("F24 every transport passes, with Upgrade headers the WebSocket", proxy, async ({ connect, mode }, t) => {
      const peer = await connect("/", proxies.from(t));
      const transport = mode === "polling" ? "polling" : "websocket";
      assert.equal(peer.transport, transport);
      const [connection] = await peer.call("connection");
      same([connection.transport, connection.secure], [transport, true]);
    }, { clients: CLIENTS });

    each("F24 big binary passes both ways", proxy, async ({ connect }, t) => {
      const peer = await connect("/", proxies.from(t));
      same(await peer.call("ack", BIG, "and", { more: BIG.subarray(0, 1000) }), [BIG, "and", { more: BIG.subarray(0, 1000) }]);
    }, { clients: CLIENTS });

    each("F24 the server knows a client's address and its TLS, whatever the client claims", proxy, async ({ connect }, t) => {
      const extraHeaders = { "X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "http", "X-Real-IP": "198.51.100.1" };
      const peer = await connect("/", { ...proxies.from(t, "127.0.7.9"), extraHeaders });
      const [{ address, secure }] = await peer.call("connection");
      same({ address, secure }, { address: "127.0.7.9", secure: true });
    }, { clients: CLIENTS });

    each("F24 a client that is denied the upgrade stays connected by polling", closed, async ({ open }, t) => {
      const peer = open("/", { ...proxies.from(t), noWait: true });
      const denied = new Promise((resolve) => peer.manager.engine.once("upgradeError", resolve));
      await peer.connected();
      let gone = false;
      peer.socket.on("disconnect", () => (gone = true));
      await denied;
      for (const i of range(5)) same(await peer.call("ack", i), [i]);
      const [connection] = await peer.call("connection");
      same([peer.transport, connection.transport, gone], ["polling", "polling", false]);
    }, { clients: CLIENTS, modes: ["upgrade"] });

    each("F24 a client of the WebSocket alone cannot connect where it is denied", closed, async ({ open }, t) => {
      assert.ok(await open("/", proxies.from(t)).refused());
    }, { clients: CLIENTS, modes: ["websocket"] });

    one("F24 a client that tries all transports comes through by polling where the WebSocket is denied", async (t) => {
      const options = { ...proxies.from(t), transports: ["websocket", "polling"], tryAllTransports: true };
      const peer = await context(t, closed).connect("/", options);
      assert.equal(peer.transport, "polling");
      same(await peer.call("ack", 1), [1]);
    });

    one("D45 each of many clients stays on one of two nodes", (t) => crowd(t, proxy, (t, i) => proxies.from(t, `127.0.${i}.1`)), {
      timeout: 30_000,
    });

    each("D45 without sticky sessions the WebSocket works", unsticky, async ({ connect }, t) => {
      const peers = await Promise.all(range(8).map(() => connect("/", proxies.from(t))));
      same(await Promise.all(peers.map((peer, i) => peer.call("ack", i))), range(8).map((i) => [i]));
    }, { clients: CLIENTS, modes: ["websocket"] });

    each("D45 without sticky sessions those that poll end", unsticky, async ({ open }, t) => {
      const peers = range(4).map(() => open("/", proxies.from(t)));
      await Promise.all(peers.map((peer) => {
        const talk = () => peer.call("ack").then(talk);
        talk();
        return new Promise((resolve) => peer.manager.on("close", resolve));
      }));
    }, { clients: CLIENTS, modes: ["polling"] });
  });
}

for (const name of ["haproxy", "caddy"]) {
  describe(`${name} by cookie`, () => {
    one("D45 a cookie of the proxy's keeps a client on its node, if the client keeps cookies", async (t) => {
      const proxy = await proxies.own(t, name, nodes, "byCookie");
      // Of npm's clients only the newest keeps cookies outside of a browser.
      await crowd(t, proxy, (t) => ({ ...proxies.from(t), withCredentials: true }), ["client4"]);
    }, { timeout: 30_000 });
  });
}

/** Many clients, each with several requests at a time: a request that goes astray would end a session. */
async function crowd(t, proxy, options, clients = CLIENTS) {
  const used = new Set();
  const kinds = clients.flatMap((client) => MODES.map((mode) => [client, mode]));
  const peers = await Promise.all(
    range(60).map(async (i) => {
      const peer = await context(t, proxy, ...kinds[i % kinds.length]).connect("/", options(t, i + 1));
      for (const event of ["disconnect", "error", "connect_error"]) {
        peer.socket.on(event, (what) => assert.fail(`${kinds[i % kinds.length]}: ${event} ${what?.message ?? what}`));
      }
      return peer;
    }),
  );
  for (const round of range(5)) {
    await Promise.all(
      peers.map(async (peer) => {
        const [[echo], [{ node }]] = await Promise.all([peer.call("ack", round), peer.call("connection")]);
        assert.equal(echo, round);
        peer.node ??= node;
        assert.equal(node, peer.node);
        used.add(node);
      }),
    );
  }
  same([...used].sort(), nodes.map((node) => node.port).sort());
  peers.forEach((peer) => peer.socket.removeAllListeners());
}

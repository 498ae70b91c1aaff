// F24: what the configurations of the documentation do beside passing clients on.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe } from "node:test";
import { context, each, one } from "../support/clients.mjs";
import { same } from "../support/expect.mjs";
import * as proxies from "../support/proxies.mjs";
import { fresh, shared } from "../support/server.mjs";

const nodes = [shared({ "max-payload": 4_000_000, cookie: "io" }), shared({ "max-payload": 4_000_000, cookie: "io" })];
const POLLING = "/socket.io/?EIO=4&transport=polling";

for (const name of proxies.PROXIES) {
  describe(name, () => {
    const proxy = proxies.shared(name, nodes);

    one("F24 what is not Socket.IO's passes to the application", async () => {
      const { status, body } = await proxies.request(`${proxy.url}/elsewhere`);
      same([status, body], [404, "inner"]);
    });

    one("F24 polls pass by HTTP/2", async (t) => {
      const session = await proxies.http2(t, proxy);
      const open = JSON.parse((await stream(session, POLLING)).slice(1));
      const poll = `${POLLING}&sid=${open.sid}`;
      same(await stream(session, poll, "40"), "ok");
      assert.match(await stream(session, poll), /^40\{"sid":/);
    });

    one("F24 where WebSockets are offered over HTTP/2, they work", async (t) => {
      const session = await proxies.http2(t, proxy);
      const offered = session.remoteSettings.enableConnectProtocol === true;
      t.diagnostic(`${name} ${offered ? "offers" : "does not offer"} it`);
      if (name === "haproxy") assert.ok(offered);
      if (!offered) return;
      const socket = session.request({
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":path": POLLING.replace("polling", "websocket"),
        "sec-websocket-version": "13",
      });
      const [headers] = await once(socket, "response");
      assert.equal(headers[":status"], 200);
      const [frame] = await once(socket, "data");
      assert.match(frame.toString("latin1"), /^\x81.{1,3}0\{"sid":/s);
      socket.close();
    });

    if (name === "nginx") each("F24 a client whose message is above nginx's limit starts a new session", proxy, async ({ connect }, t) => {
      const peer = await connect("/", { ...proxies.from(t), reconnection: true, reconnectionDelay: 20 });
      const { id } = peer;
      const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
      const back = new Promise((resolve) => peer.socket.once("connect", resolve));
      peer.emit("ack", "x".repeat(1_100_000));
      assert.equal(await gone, "transport error");
      await back;
      assert.notEqual(peer.id, id);
      same(await peer.call("ack", 1), [1]);
    }, { clients: ["client4", "client2"], modes: ["polling"] });

    if (name === "caddy") return; // whose own redirection belongs to its own certificates
    one("F24 clients without TLS are sent to the same place with it", async () => {
      const { status, headers } = await proxies.request(`${proxy.plain}${POLLING}`, { headers: { host: "example.com" } });
      same([status, headers.location], [301, `https://example.com${POLLING}`]);
    });
  });
}

one("F24 nginx refuses a body above its own limit, and the session lives", async (t) => {
  const proxy = await proxies.own(t, "nginx", nodes);
  const open = await proxies.request(`${proxy.url}${POLLING}`);
  const session = `${proxy.url}${POLLING}&sid=${JSON.parse(open.body.slice(1)).sid}`;
  const refused = await proxies.request(session, { method: "POST", body: "4".repeat(1_100_000) });
  same([refused.status, /nginx/.test(refused.body)], [413, true]);
  same((await proxies.request(session, { method: "POST", body: "40" })).body, "ok");
});

for (const name of ["nginx", "haproxy"]) {
  describe(`${name}'s timeout`, () => {
    one("F24 a WebSocket that is silent for longer than the proxy's timeout is cut, and heartbeats keep one alive", async (t) => {
      const [silent, lively] = [await fresh()(t), await fresh({ "ping-interval": 200 })(t)];
      for (const [node, cut] of [[silent, true], [lively, false]]) {
        const proxy = await proxies.own(t, name, [node, node], "impatient");
        const peer = await context(t, proxy).connect("/", proxies.from(t));
        const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
        let pings = 0;
        const kept = new Promise((resolve) => peer.manager.on("ping", () => ++pings === 12 && resolve("kept")));
        assert.equal(await Promise.race([gone, kept]), cut ? "transport close" : "kept");
      }
    }, { timeout: 20_000 });
  });
}

/** One request of HTTP/2. */
async function stream(session, path, body) {
  const sent = session.request({ ":path": path, ":method": body ? "POST" : "GET" });
  sent.end(body);
  return (await sent.toArray()).join("");
}

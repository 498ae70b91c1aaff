// G15: something between the nodes and Postgres that takes their LISTEN and forgets it, as poolers of transactions do.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { postgres } from "../support/engines-postgres.mjs";
import { until } from "./support/clusters.mjs";
import { CLUSTER_NODE, node } from "./support/nodes.mjs";

if (CLUSTER_NODE) {
  test("G15 nodes that hear nothing through a pooler say so, and hear each other when they can", { timeout: 90_000 }, async (t) => {
    const server = await postgres();
    t.after(() => server.stop());
    const pooler = await forgetful(server.port);
    t.after(() => pooler.stop());
    const url = server.url.replace(`:${server.port}/`, `:${pooler.port}/`);
    const options = { adapter: "postgres", url, "heartbeat-interval": 500, "heartbeat-timeout": 3000 };
    const nodes = await Promise.all([0, 1].map((number) => node("rust", { ...options, number })));
    t.after(() => Promise.all(nodes.map((running) => running.stop())));
    const said = ({ log }) => log.some((line) => line.includes("nothing that is notified comes"));
    await until(() => nodes.every(said), 60_000);
    assert.ok(pooler.forgotten >= 2);
    pooler.forgets = false;
    for (const at of nodes) await until(async () => (await at.tell("servers")) === 2, 60_000);
  });
}

/** A proxy that makes something else of what listens, as long as it `forgets`. */
async function forgetful(port) {
  const proxy = { forgets: true, forgotten: 0 };
  const sockets = new Set();
  const server = createServer((down) => {
    const up = connect(port, "127.0.0.1");
    for (const [from, to] of [[down, up], [up, down]]) {
      sockets.add(from);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
    }
    up.pipe(down);
    down.on("data", (data) => {
      const at = data.indexOf('LISTEN "so');
      if (proxy.forgets && at >= 0 && data[at - 1] !== "N".charCodeAt(0)) {
        data.write("SELECT 1--", at);
        proxy.forgotten++;
      }
      up.write(data);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return Object.assign(proxy, { port: server.address().port, stop });
}

// G15: the table that long and binary messages lie in, when it is locked, dropped, or may not be written to.
import assert from "node:assert/strict";
import { describe } from "node:test";
import pg from "pg";
import { range } from "../support/expect.mjs";
import { each, reached, shared, until } from "./support/clusters.mjs";
import { CLUSTER_NODE } from "./support/nodes.mjs";
import { onPostgres } from "./support/use.mjs";

/** So many lines of the log are about one trouble on each node. */
const LINES = 6;

if (CLUSTER_NODE) {
  const cluster = shared("G15", "the table on postgres", ["rust", "rust"], onPostgres(undefined, false), {
    adapter: "postgres",
    namespaces: ["/"],
  });
  const trouble = (name, body) => each(cluster, name, body, { acting: [0], timeout: 60_000 });

  describe("the table", { concurrency: 1 }, () => {
    trouble("a table that is locked holds up nothing but what lies in it", async (scene) => {
      const { server } = cluster.engine;
      const [peer] = await hearing(scene);
      const before = scene.nodes.map(({ log }) => log.length);
      const locker = new pg.Client(server.connection);
      await locker.connect();
      try {
        await locker.query("begin; lock table socket_io_attachments");
        for (const i of range(20)) {
          await scene.here.tell("emit", { event: "binary", args: [Buffer.from([i])] });
          await scene.here.tell("emit", { event: "news", args: [i] });
          await until(() => peer.news.all.length === i + 1, 5000);
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        const [{ count }] = await server.tell(
          "select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and backend_type = 'client backend'",
        );
        assert.ok(count <= 4, `${count} connections wait`);
      } finally {
        await locker.end();
      }
      await goesOn(scene, peer, before);
    });

    trouble("a table that is dropped is made again", async (scene) => {
      const [peer] = await hearing(scene);
      const before = scene.nodes.map(({ log }) => log.length);
      await cluster.engine.server.tell("drop table socket_io_attachments");
      await scene.here.tell("emit", { event: "binary", args: [Buffer.from("lost")] });
      await goesOn(scene, peer, before);
    });

    trouble("a database that is read-only carries what need not lie in the table", async (scene) => {
      const { server } = cluster.engine;
      const [peer] = await hearing(scene);
      const before = scene.nodes.map(({ log }) => log.length);
      const readOnly = async (on) => {
        await server.tell(`alter system set default_transaction_read_only = ${on}`);
        await server.tell("select pg_reload_conf()");
        await until(async () => (await server.tell("show default_transaction_read_only"))[0].default_transaction_read_only === on);
      };
      await readOnly("on");
      try {
        for (const i of range(20)) {
          await scene.here.tell("emit", { event: "binary", args: [Buffer.from([i])] });
          await scene.here.tell("emit", { event: "news", args: [i] });
          await until(() => peer.news.all.length === i + 1, 5000);
        }
      } finally {
        await readOnly("off");
      }
      await goesOn(scene, peer, before);
    });
  });
}

/** A client of the other node, which hears the one that acts. */
async function hearing(scene) {
  const peer = await scene.peer(scene.there);
  await reached(peer, [scene.here], "/", [undefined]);
  return [peer];
}

/** What is binary comes again, and the logs have said little. */
async function goesOn(scene, peer, before) {
  const binary = peer.inbox("again");
  await until(async () => {
    await scene.here.tell("emit", { event: "again", args: [Buffer.from("again")] });
    await new Promise((resolve) => setTimeout(resolve, 100));
    return binary.all.length > 0;
  });
  for (const [i, { log, name }] of scene.nodes.entries()) {
    const lines = log.slice(before[i]);
    assert.ok(lines.length <= LINES, `${name}:\n${lines.slice(0, 20).join("\n")}`);
  }
}

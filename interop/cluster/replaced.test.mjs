// H8: Node servers are replaced by ours one by one, behind one balancer, while people talk.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { io } from "client4";
import { front } from "../support/front.mjs";
import { redis } from "../support/engines-redis.mjs";
import { until } from "./support/clusters.mjs";
import { CLUSTER_NODE, node } from "./support/nodes.mjs";

const OTHER = CLUSTER_NODE ? "rust" : "node";
const PEOPLE = 8;

for (const adapter of ["streams", "streams-sharded"]) {
  test(`H8 people talk while servers are replaced one by one, and nothing is lost [${adapter}]`, { timeout: 120_000 }, async (t) => {
    const engine = await redis();
    t.after(() => engine.stop());
    const start = (kind, number) => node(kind, { adapter, url: engine.url, number, recovery: 60_000 });
    const nodes = [await start("node", 0), await start("node", 1)];
    t.after(() => Promise.all(nodes.map((running) => running.stop())));
    // The balancer sends nobody to a server that is to be replaced: in what a client gets that comes back to Node's adapter
    // there may be a gap, as it looks for what was missed before it begins to listen.
    let turn = 0;
    const { url } = await front(t, () => {
      const wanted = nodes.filter(({ kind }) => kind === OTHER);
      const open = wanted.length ? wanted : nodes;
      return open[turn++ % open.length];
    });

    const people = Array.from({ length: PEOPLE }, (_, i) => person(t, url, i));
    await until(() => people.every(({ socket }) => socket.connected));
    let talks = true;
    const talking = people.map(async (one) => {
      while (talks) {
        await one.say();
        await pause(20);
      }
    });
    // Node's two, and then the first two of ours, as for an update.
    for (const number of [2, 3, 4, 5]) {
      const said = people.map(({ said }) => said);
      await until(() => people.every((one, i) => one.said >= said[i] + 10), 30_000);
      nodes.push(await start(OTHER, number));
      const old = nodes.shift();
      await old.tell("close");
      await old.exit;
      await until(() => people.every(({ socket }) => socket.connected), 30_000);
    }
    const said = people.map(({ said }) => said);
    await until(() => people.every((one, i) => one.said >= said[i] + 10), 30_000);
    talks = false;
    await Promise.all(talking);

    const everything = people.flatMap(({ name, said }) => Array.from({ length: said }, (_, i) => `${name} ${i}`));
    for (const one of people) {
      const others = everything.filter((text) => !text.startsWith(`${one.name} `));
      await until(() => others.every((text) => one.heard.includes(text)), 20_000).catch(() => {});
      const missing = others.filter((text) => !one.heard.includes(text));
      assert.deepEqual(missing, [], `${one.name} misses something`);
      assert.equal(new Set(one.heard).size, others.length);
    }
    t.diagnostic(`${everything.length} messages; back ${people.map(({ back }) => back)} times, anew ${people.map(({ anew }) => anew)}`);
    assert.equal(people.reduce((sum, { anew }) => sum + anew, 0), 0, "somebody came back as a stranger");
    assert.ok(people.every(({ back }) => back > 1));
  });
}

/** Somebody who says something again until the server has it. */
function person(t, url, number) {
  const options = { transports: ["websocket"], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
  const socket = io(url, { ...options, retries: 50, ackTimeout: 1000 });
  t.after(() => socket.disconnect());
  const one = { name: `person ${number}`, socket, said: 0, heard: [], back: 0, anew: -1 };
  socket.on("connect", () => (socket.recovered ? one.back++ : one.anew++));
  socket.on("line", (text) => one.heard.push(text));
  one.say = async () => {
    const text = `${one.name} ${one.said}`;
    await new Promise((done, failed) => socket.emit("cast", {}, "line", text, (error) => (error ? failed(error) : done())));
    one.said++;
  };
  return one;
}

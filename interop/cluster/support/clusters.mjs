// Clusters of nodes in several languages over an engine, and the tests that are written once for all of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { context } from "../../support/clients.mjs";
import { range, same } from "../../support/expect.mjs";
import { CLUSTER_NODE, node } from "./nodes.mjs";
import { write } from "./values.mjs";

const TIMEOUT = 30_000;
/** Those that every node declares: `/` and one with clients of the old protocol, one with what globs are made of. */
export const NAMESPACES = ["/", "/chat", "/odd**", "/oddities", "/even[a-z]"];

/**
 * The clusters that there are to test: with the Rust node one of both languages and one of three Rust nodes, without it two
 * of Node's, which is how the tests are tested themselves.
 */
export const MIXES = CLUSTER_NODE ? [["node", "rust"], ["rust", "rust", "rust"]] : [["node", "node"]];

/** A cluster for all tests of a file: `engine()` starts what it needs, and gives options for the nodes and `stop`. */
export function shared(row, label, kinds, engine, options = {}) {
  const cluster = new Cluster(row, label, kinds, options.adapter ?? label);
  // What goes wrong here is told by each test.
  before(() => engine().then((started) => cluster.start(started, options)).catch((error) => (cluster.error = error)));
  after(() => cluster.stop());
  return cluster;
}

class Cluster {
  constructor(row, label, kinds, adapter) {
    Object.assign(this, { row, label, kinds, adapter, nodes: [] });
  }

  get name() {
    return `${this.label}, ${this.kinds.join(" + ")}`;
  }

  async start(engine, options) {
    this.engine = engine;
    this.options = { adapter: this.adapter, namespaces: NAMESPACES, ...engine.options, ...options };
    // One after the other: whoever comes first is there when the others say that they are.
    for (const [number, kind] of this.kinds.entries()) this.nodes.push(await node(kind, { number, ...this.options }));
    await this.complete(this.options.namespaces);
  }

  /** Another node of this cluster, or one in the place of one that was stopped. */
  async add(kind, number, options = {}) {
    const made = await node(kind, { number, ...this.options, ...options });
    this.nodes[number] = made;
    return made;
  }

  /** Waits until every node knows of all, and hears all, in these namespaces. */
  async complete(namespaces = ["/"], nodes = this.nodes) {
    for (const of of namespaces) {
      for (const asking of nodes) await until(async () => (await asking.tell("servers", { of })) === nodes.length);
      // By a client on each node what another one says there is seen to arrive.
      for (const hearing of nodes) await this.hears(hearing, nodes, of);
    }
  }

  async hears(hearing, nodes, of) {
    const ends = [];
    const peer = await context({ after: (end) => ends.push(end) }, hearing).connect(of);
    try {
      await reached(peer, nodes.filter((other) => other !== hearing && !deaf(hearing, of)), of, [undefined]);
    } finally {
      for (const end of ends) end();
    }
  }

  async stop() {
    await Promise.all(this.nodes.map((running) => running.stop()));
    await this.engine?.stop();
  }
}

/** Node's classic adapter subscribes to a pattern that such a name does not match. */
export const deaf = ({ kind, options }, namespace) =>
  kind === "node" && options.adapter === "classic" && namespace.includes("[");

/** Waits, but not for ever, until `condition()` is kept with something true; that. */
export async function until(condition, within = 10_000) {
  const end = Date.now() + within;
  for (;;) {
    const kept = await condition();
    if (kept) return kept;
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const toRoom = (node, of, room, event) => node.tell("emit", { of, to: room === undefined ? [] : [room], ...event });

/** Waits until what each of these nodes says to each of these rooms reaches the peer. */
export async function reached(peer, nodes, of, rooms, say = toRoom) {
  for (const [i, saying] of nodes.entries()) {
    for (const room of rooms) {
      const mark = `${i} ${room} ${made++}`;
      const seen = new Promise((resolve) => {
        peer.socket.on("probe", function probe(came) {
          if (came !== mark) return;
          peer.socket.off("probe", probe);
          resolve(true);
        });
      });
      await until(async () => {
        await say(saying, of, room, { event: "probe", args: [mark] });
        return Promise.race([seen, new Promise((resolve) => setTimeout(resolve, 50))]);
      });
    }
  }
}

// Tests share a cluster: rooms are each test's own.
let made = 0;
export const names = (...letters) => letters.map((letter) => `${letter} ${made++}`);

/**
 * Runs `body(scene, t)` once for each node that acts. `when(cluster, acting)` gives a reason where there is nothing to test.
 */
export function each(cluster, name, body, { timeout = TIMEOUT, when = () => true, acting } = {}) {
  const actors = acting ?? (new Set(cluster.kinds).size > 1 ? range(cluster.kinds.length) : [0]);
  for (const number of actors) {
    const kind = cluster.kinds[number];
    if (!when({ kind, others: cluster.kinds.filter((_, i) => i !== number) })) continue;
    test(`${cluster.row} ${name} [${cluster.name}; ${kind} acts]`, { timeout }, async (t) => {
      if (cluster.error) throw cluster.error;
      const marks = cluster.nodes.map(({ log }) => log.length);
      try {
        await body(new Scene(cluster, number, t), t);
      } catch (error) {
        for (const [i, { name, log }] of cluster.nodes.entries()) {
          log.slice(marks[i]).slice(-10).forEach((line) => t.diagnostic(`${name}: ${line}`));
        }
        throw error;
      }
    });
  }
}

/** What a test sees: the node that acts, the others, and clients on them. */
export class Scene {
  constructor(cluster, acting, t) {
    Object.assign(this, { cluster, t, here: cluster.nodes[acting] });
    this.others = cluster.nodes.filter((_, i) => i !== acting);
    this.there = this.others[0];
    this.nodes = [this.here, ...this.others];
  }

  /** A client of a node, in rooms that all nodes reach. */
  async peer(on, { of = "/", rooms = [], client = "client4", ...options } = {}) {
    const peer = await context(this.t, on, client).connect(of, options);
    Object.assign(peer, { on, of, news: peer.inbox("news"), fences: peer.inbox("fence") });
    if (rooms.length > 0) await this.join(peer, rooms);
    return peer;
  }

  /** One on each node, and one more on the acting one, with the old client if `old`. */
  async people({ of = "/", rooms = [], old = of !== "/odd**" } = {}) {
    const kinds = [...this.nodes.map(() => "client4"), ...(old ? ["client2"] : [])];
    return Promise.all(kinds.map((client, i) => this.peer(this.nodes[i % this.nodes.length], { of, rooms, client })));
  }

  async join(peer, rooms) {
    await peer.call("join", rooms);
    await reached(peer, this.cluster.nodes.filter((other) => other !== peer.on), peer.of, rooms);
  }

  /** What has come to a peer: in order, where the engine and both nodes keep it. */
  arrived(peer, expected, inbox = peer.news) {
    const { unordered = () => false } = this.cluster.engine;
    if (unordered(this.here, peer.on)) sameSet(inbox.all, expected);
    else same(inbox.all, expected);
  }

  /** Waits until everything that the nodes have said before now is with these peers. */
  async settled(...peers) {
    for (const saying of this.nodes) {
      const mark = `fence ${made++}`;
      await saying.tell("emit", { of: peers[0].of, event: "fence", args: [mark] });
      await Promise.all(peers.map((peer) => until(() => peer.fences.all.some(([came]) => came === mark))));
    }
    // A carrier that fetches large messages may still be at it.
    if (this.cluster.engine.unordered) await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/** How many events each of these peers got. */
export const counts = (...peers) => peers.map((peer) => peer.news.all.length);

/** Equal lists, in whatever order. */
export function sameSet(actual, expected, message) {
  const sorted = (list) => list.map((value) => JSON.stringify(write(value))).sort();
  assert.deepEqual(sorted(actual), sorted(expected), message);
}

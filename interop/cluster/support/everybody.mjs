// People on all nodes of a cluster, who talk while something goes wrong.
import assert from "node:assert/strict";
import { range, same } from "../../support/expect.mjs";
import { names, reached, until } from "./clusters.mjs";

/** In ms: how long the nodes may need to find each other again. */
export const LONG = 60_000;

/** So many lines of the log are about one outage, whatever happens meanwhile: on each node, of each namespace two. */
export const LINES = 12;

/** A client on each node, in a room of its own and in one of all. */
export class Everybody {
  static async of(scene, nodes = scene.nodes) {
    const everybody = new Everybody();
    Object.assign(everybody, { scene, nodes, rooms: names("everybody"), said: 0 });
    everybody.peers = await Promise.all(nodes.map((on) => scene.peer(on)));
    for (const peer of everybody.peers) {
      await peer.call("join", everybody.rooms);
      await reached(peer, nodes, "/", everybody.rooms);
    }
    return everybody;
  }

  /** What each node says reaches its own client, in the time given in ms. */
  async hearTheirOwn(within = 5000) {
    for (const [i, node] of this.nodes.entries()) {
      const said = `own ${this.said++}`;
      await node.tell("emit", { to: this.rooms, event: "news", args: [said] });
      await until(() => this.peers[i].news.all.some(([came]) => came === said), within);
    }
  }

  /** What each node says reaches the clients of all, sooner or later, and the next broadcast at once. */
  async hearEachOther() {
    for (const peer of this.peers) await reachedWithin(peer, this.nodes, [undefined, ...this.rooms]);
    await this.hearAtOnce();
  }

  /** The next broadcasts of each node, to all and to a room, reach the clients of all. */
  async hearAtOnce() {
    for (const node of this.nodes) {
      for (const to of [[], this.rooms]) {
        const said = `all ${this.said++}`;
        await node.tell("emit", { to, event: "news", args: [said] });
        await Promise.all(this.peers.map((peer) => until(() => peer.news.all.some(([came]) => came === said))));
      }
    }
  }

  /** All nodes talk to all clients, without a pause; each hears what its own says. */
  talk() {
    return new Talk(this);
  }

  /** What the nodes say of their engine. */
  stats() {
    return Promise.all(this.nodes.map((node) => node.tell("stats")));
  }

  /** Nobody got anything twice. */
  once() {
    for (const { news } of this.peers) {
      const texts = news.all.map(([text]) => text);
      same(texts, [...new Set(texts)]);
    }
  }

  mark() {
    return this.nodes.map(({ log }) => log.length);
  }

  fewLines(before, most = LINES) {
    for (const [i, node] of this.nodes.entries()) {
      const lines = node.log.slice(before[i]);
      assert.ok(lines.length <= most, `${lines.length} lines of ${node.name}:\n${lines.slice(0, 40).join("\n")}`);
    }
    this.scene.t.diagnostic(`log lines: ${this.nodes.map(({ log }, i) => log.length - before[i])}`);
  }
}

class Talk {
  constructor({ nodes, peers, rooms, scene }) {
    const [name] = names("talk");
    Object.assign(this, { scene, name, going: true, said: nodes.map(() => 0), heard: peers.map(() => []) });
    peers.forEach(({ socket }, at) => socket.on(name, (from, n) => this.heard[at].push({ from, n, when: Date.now() })));
    this.over = Promise.all(nodes.map((node, i) => this.speak(node, i, rooms)));
    // It is told by `end`.
    this.over.catch(() => {});
  }

  async speak(node, i, rooms) {
    for (let n = 0; this.going; n++) {
      this.said[i]++;
      await node.tell("emit", { to: n % 2 ? rooms : [], event: this.name, args: [i, n] });
      await until(() => this.heard[i].some((came) => came.from === i && came.n === n), 5000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** All fall silent. Each has heard all that its own node said, and nothing twice. */
  async end() {
    this.going = false;
    await this.over;
    for (const at of this.heard.keys()) {
      same(this.from(at, at), range(this.said[at]));
      for (const from of this.heard.keys()) {
        const came = this.from(at, from);
        same(came.length, new Set(came).size, `${at} hears ${from}`);
      }
    }
    this.scene.t.diagnostic(`of ${this.said} others missed ${this.missed()}; silent for ${this.silence()} ms at most`);
  }

  /** How much of what each node said did not come to all others. */
  missed() {
    const got = (from) => Math.min(...this.heard.map((_, at) => this.from(at, from).length));
    return this.said.map((said, from) => said - got(from));
  }

  /** What others said came in their order. */
  inOrder() {
    for (const at of this.heard.keys()) {
      for (const from of this.heard.keys()) {
        const came = this.from(at, from);
        same(came, [...came].sort((a, b) => a - b));
      }
    }
  }

  /** What the client of a node has heard of another one. */
  from(at, from) {
    return this.heard[at].filter((came) => came.from === from).map(({ n }) => n);
  }

  /** For how many ms the clients heard nothing of another node, at most. */
  silence() {
    const pairs = this.said.flatMap((_, from) => this.said.map((_, at) => [from, at])).filter(([from, at]) => from !== at);
    return Math.max(...pairs.flatMap(([from, at]) => {
      const times = this.heard[at].filter((came) => came.from === from).map(({ when }) => when);
      return times.slice(1).map((when, i) => when - times[i]);
    }));
  }
}

async function reachedWithin(peer, nodes, rooms) {
  const end = Date.now() + LONG;
  for (;;) {
    try {
      return await reached(peer, nodes, "/", rooms);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

// The official clients of three major versions behind one face.
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
export const CLIENTS = ["client4", "client3", "client2"];
export const MODES = ["polling", "websocket", "upgrade"];
const TIMEOUT = 10_000;

/**
 * Runs `body(context, t)` with every client over every transport; `context` opens peers. `server` is a running one, or
 * what `fresh` gave: a server of the test's own.
 */
export function each(name, server, body, { clients = CLIENTS, modes = MODES, timeout = TIMEOUT } = {}) {
  for (const client of clients) {
    for (const mode of modes) {
      test(`${name} [${client} ${mode}]`, { timeout }, async (t) => {
        const running = typeof server === "function" ? await server(t) : server;
        await body(context(t, running, client, mode), t);
      });
    }
  }
}

/** Runs a test once. */
export function one(name, body, { timeout = TIMEOUT } = {}) {
  test(name, { timeout }, body);
}

/** What opens peers of a server, one client, one mode. */
export function context(t, server, client = "client4", mode = "websocket") {
  const old = client === "client2";
  const open = (namespace = "/", { auth, ...options } = {}) => {
    const manager = new (require(client).Manager)(server.url, {
      path: server.path,
      transports: mode === "upgrade" ? ["polling", "websocket"] : [mode],
      reconnection: false,
      ...options,
    });
    // In node a failed reconnection or a late error must not end the test's process.
    if (old) manager.on("error", () => {});
    const sockets = [];
    t.after(() => {
      manager.reconnection(false);
      sockets.forEach((socket) => socket.disconnect());
      manager.engine?.close();
    });
    const join = (name, own) => {
      const socket = manager.socket(name, own && (old ? { query: own } : { auth: own }));
      sockets.push(socket);
      return new Peer(socket, { old, upgrade: mode === "upgrade" && !options.noWait, join });
    };
    return join(namespace, auth);
  };
  return {
    server,
    client,
    mode,
    old,
    /** The same with another client, by default the newest over a WebSocket. */
    as: (other, way) => context(t, server, other, way),
    /** The same with another server. */
    at: (other) => context(t, other, client, mode),
    /** A peer that has begun to connect. */
    open,
    /** A connected peer; with `upgrade`, one that has left polling. */
    connect: (namespace, options) => open(namespace, options).connected(),
  };
}

class Peer {
  constructor(socket, { old, upgrade, join }) {
    Object.assign(this, { socket, manager: socket.io, old, upgrade, join });
    this.outcome = new Promise((resolve) => {
      if (socket.connected) return resolve({});
      socket.once("connect", () => resolve({}));
      for (const event of old ? ["error", "connect_error"] : ["connect_error"]) {
        socket.once(event, (error) => resolve({ error }));
      }
    });
  }

  get id() {
    return this.socket.id;
  }

  get sid() {
    return this.manager.engine.id;
  }

  get transport() {
    return this.manager.engine.transport.name;
  }

  async connected() {
    const { error } = await this.outcome;
    if (error) throw new Error(`refused: ${error.message ?? error}`, { cause: error });
    if (this.upgrade) await this.upgraded();
    return this;
  }

  async upgraded() {
    const engine = this.manager.engine;
    if (engine.transport.name !== "websocket") await new Promise((resolve) => engine.once("upgrade", resolve));
  }

  /** What the client was refused with. */
  async refused() {
    const { error } = await this.outcome;
    if (!error) throw new Error("was let in");
    return error instanceof Error ? { message: error.message, ...(error.data ? { data: error.data } : {}) } : error;
  }

  /** Another namespace on the same connection. */
  open(namespace, auth) {
    return this.join(namespace, auth);
  }

  /** Emits and waits for the acknowledgement's arguments. */
  call(event, ...args) {
    return new Promise((resolve) => this.socket.emit(event, ...args, (...answer) => resolve(answer)));
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }

  /** Collects an event's arguments from now on. */
  inbox(event) {
    return new Inbox((deliver) => this.socket.on(event, (...args) => deliver(args)));
  }

  /** Waits until everything the server sent before now is here. */
  async sync() {
    await this.call("ack");
  }
}

class Inbox {
  constructor(subscribe) {
    this.all = [];
    this.taken = 0;
    this.waiting = [];
    subscribe((args) => {
      this.all.push(args);
      this.waiting.splice(0).forEach((wake) => wake());
    });
  }

  async next() {
    await this.count(this.taken + 1);
    return this.all[this.taken++];
  }

  /** Waits until `n` arrived altogether. */
  async count(n) {
    while (this.all.length < n) await new Promise((wake) => this.waiting.push(wake));
    return this.all;
  }
}

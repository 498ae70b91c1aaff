// Redis, or Valkey: one server, or one behind Sentinel.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Redis from "ioredis";
import { authority } from "./certificate.mjs";
import { find, folder, freePort, launch, until } from "./engines.mjs";

/** The servers that are installed. */
export const REDISES = ["redis-server", "valkey-server"].filter((name) => find(name));
const PASSWORD = "s3cret:/@%";
const WORDS = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--protected-mode", "no"];

/**
 * A server: `url`, and `ca`, the file with whom to trust, if it speaks `tls`. With `password` clients must know one.
 * `more` are words for its command line.
 */
export async function redis({ program = REDISES[0], password = false, tls = false, more = [] } = {}) {
  const place = folder("redis");
  const port = await freePort();
  const words = [...WORDS, "--dir", place.path, ...more];
  if (password) words.push("--requirepass", PASSWORD);
  let ca;
  if (tls) {
    const made = authority();
    const file = (name) => join(place.path, name);
    for (const [name, text] of Object.entries(made)) writeFileSync(file(name), text);
    words.push("--tls-port", port, "--port", 0, "--tls-auth-clients", "no", "--tls-ca-cert-file", file("ca"));
    words.push("--tls-cert-file", file("certificate"), "--tls-key-file", file("key"));
    ca = { file: file("ca"), text: made.ca };
  } else {
    words.push("--port", port);
  }
  const secret = password ? `:${encodeURIComponent(PASSWORD)}@` : "";
  const url = `${tls ? "rediss" : "redis"}://${secret}127.0.0.1:${port}`;
  const server = new Server([program, ...words.map(String)], { url, port, ca: ca?.file, options: ca && { tls: { ca: ca.text } } });
  await server.start();
  const stop = async () => {
    await server.end();
    place.remove();
  };
  return Object.assign(server, { folder: place.path, stop: once(stop) });
}

class Server {
  constructor(command, { url, port, ca, options }) {
    Object.assign(this, { command, url, port, ca });
    /** For what tests want from it themselves. It comes back by itself when the server does. */
    this.client = new Redis(url, { ...options, lazyConnect: true, retryStrategy: () => 50, maxRetriesPerRequest: null });
    this.client.on("error", () => {});
  }

  async start() {
    this.child = launch(this.command);
    if (this.client.status === "wait") this.client.connect().catch(() => {});
    await until(() => this.client.status === "ready", this.child);
  }

  /** Any command, on a connection of the test's own. */
  tell(...words) {
    return this.client.call(...words.map(String));
  }

  /** Ends it as a crash would; what it held is gone. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.child.over;
    await until(() => this.client.status !== "ready");
  }

  /** After `kill`: on the same port. */
  restart() {
    return this.start();
  }

  /** It answers nobody, and keeps its connections. */
  pause() {
    this.child.kill("SIGSTOP");
  }

  resume() {
    this.child.kill("SIGCONT");
  }

  /** Cuts every connection but the test's own; how many. */
  async cut() {
    let cut = 0;
    for (const type of ["normal", "pubsub"]) cut += await this.tell("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
    return cut;
  }

  /** It holds all that it may: what would need more memory is refused, until `relax`. */
  async fill() {
    await this.tell("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await this.tell("CONFIG", "SET", "maxmemory", 1);
  }

  relax() {
    return this.tell("CONFIG", "SET", "maxmemory", 0);
  }

  async end() {
    this.client.disconnect();
    this.child.kill("SIGCONT");
    this.child.kill("SIGKILL");
    await this.child.over;
  }
}

/** A primary with a replica, watched by a Sentinel that calls them `name`. */
export async function sentinel({ program = REDISES[0], name = "main" } = {}) {
  const primary = await redis({ program });
  const replica = await redis({ program, more: ["--replicaof", "127.0.0.1", primary.port] });
  const place = folder("sentinel");
  const port = await freePort();
  const file = join(place.path, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    "protected-mode no",
    `dir ${place.path}`,
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 2000`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const watch = new Server([program, file, "--sentinel"], { url: `redis://127.0.0.1:${port}`, port });
  await watch.start();
  await until(async () => /slaves=1/.test(await watch.tell("INFO", "sentinel")));
  const stop = async () => {
    await Promise.all([watch.end(), primary.stop(), replica.stop()]);
    place.remove();
  };
  return { name, port, url: watch.url, primary, replica, watch, stop: once(stop) };
}

/** What calls a function at most once. */
export function once(stop) {
  let stopped;
  return () => (stopped ??= stop());
}

// Starts cluster nodes (CONTRACT.md §1) and tells them what to do (§2).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { read, write } from "./values.mjs";

const FOLDER = dirname(dirname(fileURLToPath(import.meta.url)));
/** The Rust node; without it there is Node's alone. */
export const CLUSTER_NODE = process.env.CLUSTER_NODE;
const PROGRAMS = { node: [process.execPath, "node.mjs"], rust: [CLUSTER_NODE] };
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A node of `kind`, `"node"` or `"rust"`, with the options of the contract. */
export async function node(kind, options) {
  const args = Object.entries(options).filter(([, value]) => value !== undefined).flatMap(([name, value]) => [
    `--${name}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const [program, ...words] = PROGRAMS[kind];
  const child = spawn(program, [...words, ...args], { cwd: FOLDER, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  const made = new Node(kind, child, options);
  child.once("exit", () => {
    running.delete(child);
    made.ended();
  });
  await made.starts();
  return made;
}

class Node {
  constructor(kind, child, options) {
    Object.assign(this, { kind, child, options, path: "/socket.io", asked: new Map(), told: 0, log: [], heard: [] });
    this.number = options.number ?? 0;
    this.exit = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    // A node that was killed takes no more commands.
    child.stdin.on("error", () => {});
    createInterface({ input: child.stderr }).on("line", (line) => this.log.push(line));
    this.lines = createInterface({ input: child.stdout });
  }

  get name() {
    return `${this.kind} ${this.number}`;
  }

  async starts() {
    const [line] = await Promise.race([once(this.lines, "line"), this.exit.then((exit) => [JSON.stringify(exit)])]);
    this.url = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
    if (!this.url && line !== "ready") throw new Error(`${this.name} did not start: ${line}\n${this.log.join("\n")}`);
    if (this.url) this.port = Number(new URL(this.url).port);
    this.lines.on("line", (line) => this.reads(JSON.parse(line)));
  }

  reads({ id, ok, error, heard }) {
    if (heard) return this.heard.push(read(heard));
    const asked = this.asked.get(id);
    this.asked.delete(id);
    if (error === undefined) asked.resolve(read(ok));
    else asked.reject(new Error(error));
  }

  /** A command; its answer. */
  tell(name, command = {}) {
    const id = ++this.told;
    const answer = new Promise((resolve, reject) => this.asked.set(id, { resolve, reject }));
    if (this.over) this.ended();
    this.child.stdin.write(`${JSON.stringify({ id, do: name, ...write(command) })}\n`);
    return answer;
  }

  ended() {
    this.over = true;
    for (const { reject } of this.asked.values()) reject(new Error(`${this.name} has ended`));
    this.asked.clear();
  }

  /** `SIGKILL`, `SIGSTOP`, `SIGCONT`. */
  signal(name) {
    this.child.kill(name);
  }

  async stop() {
    this.child.kill("SIGKILL");
    await this.exit;
  }
}

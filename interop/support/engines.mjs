// What the engines under a cluster have in common: programs on free loopback ports, in folders that go with them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chownSync, constants, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Ports that outgoing connections do not take, so that one given up can be taken again. */
const [FIRST_PORT, PORTS] = [20_000, 10_000];
const running = new Set();
const folders = new Set();
process.on("exit", () => {
  running.forEach((child) => child.kill("SIGKILL"));
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** The program of this name: in `PATH`, where Debian has servers, or in one of `more` folders. */
export function find(name, more = []) {
  const places = [...process.env.PATH.split(delimiter), "/usr/sbin", ...more];
  return places.map((place) => join(place, name)).find(runs);
}

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A folder that is there until `remove`, or until this process ends; somebody else's, if an `owner` is given. */
export function folder(name, owner) {
  const path = mkdtempSync(join(tmpdir(), `${name}-`));
  if (owner?.uid !== undefined) chownSync(path, owner.uid, owner.gid);
  folders.add(path);
  return {
    path,
    remove() {
      folders.delete(path);
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Linux's way to end a program when this process does, also when it is killed. */
const tied = process.platform === "linux" && find("setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];

/** A program that runs: `said()` is what it wrote, `over` a promise of its end. */
export function launch([program, ...args], { user, ...options } = {}) {
  const owned = user?.uid === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const [command, ...words] = [...tied, ...(tied.length ? owned : []), program, ...args];
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], ...(tied.length ? {} : user), ...options });
  running.add(child);
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => said.push(data));
  child.said = () => Buffer.concat(said).toString();
  child.over = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", (error) => resolve(said.push(Buffer.from(String(error)))));
  }).then(() => {
    child.ended = true;
    running.delete(child);
  });
  return child;
}

/** Runs a program to its end; what it wrote. */
export async function run(command, options) {
  const child = launch(command, options);
  await child.over;
  if (child.exitCode !== 0) throw new Error(`${command.join(" ")}\n${child.said()}`);
  return child.said();
}

/** Waits until `ready()`, a promise that is kept with something true, of a program that has not ended. */
export async function until(ready, child, within = 30_000) {
  const end = Date.now() + within;
  while (!(await ready())) {
    if (child?.ended) throw new Error(`ended before it was ready:\n${child.said()}`);
    if (Date.now() > end) throw new Error(`not ready after ${within} ms: ${ready}\n${child?.said() ?? ""}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function listens(port) {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

const given = new Set();
export async function freePort() {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (given.has(port)) continue;
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, "close");
    given.add(port);
    return port;
  }
}

/** The processes that this one started (Linux). */
export function children(pid) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  return all.filter((child) => status(child)?.parent === pid);
}

/** Whether a process runs (Linux); one that waits to be asked how it ended does not. */
export const lives = (pid) => !["Z", "X", undefined].includes(status(pid)?.state);

function status(pid) {
  try {
    // The name, in brackets, may have spaces.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

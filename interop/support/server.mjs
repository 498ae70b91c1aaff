// Starts and stops the server under test (CONTRACT.md §1).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const COMMAND = process.env.SERVER_CMD || "node reference/server.mjs";
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** `{ "ping-interval": 100 }` becomes `--ping-interval 100`. */
export async function start(options = {}) {
  const args = Object.entries({ port: 0, "watch-stdin": true, ...options }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const [program, ...words] = COMMAND.split(/\s+/).filter(Boolean);
  const place = words.indexOf("{args}");
  if (place < 0) words.push(...args);
  else words.splice(place, 1, ...args);

  const child = spawn(program, words, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  const exit = once(child, "exit").then(([code, signal]) => {
    running.delete(child);
    return { code, signal };
  });
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, "line").then(([line]) => line), exit, once(child, "error")]);
  const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(first)?.[1];
  if (!url) throw new Error(`\`${COMMAND}\` did not start: ${JSON.stringify(first)}`);
  return {
    url,
    port: Number(new URL(url).port),
    exit,
    path: options.path ?? "/socket.io",
    signal: (name) => child.kill(name),
    async stop() {
      if (running.has(child)) child.kill("SIGKILL");
      await exit;
    },
  };
}

/** One server for all tests of a file (or of a suite). */
export function shared(options) {
  const server = {};
  before(async () => Object.assign(server, await start(options)));
  after(() => server.stop?.());
  return server;
}

/** A server for one test. */
export async function own(t, options) {
  const server = await start(options);
  t.after(() => server.stop());
  return server;
}

/** The same, for `each`. */
export const fresh = (options) => (t) => own(t, options);

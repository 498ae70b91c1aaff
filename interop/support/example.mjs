// Starts an example of the repository, which `EXAMPLES` says where to find, and stops it after the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * `{ url, port, stop }` of the example, which listens on a free port, or on `env.PORT`; of one that listens on several,
 * `ports` and `urls` have all.
 */
export async function example(t, name, env = {}, listeners = 1) {
  if (!process.env.EXAMPLES) throw new Error("EXAMPLES must name the folder of the built examples");
  const child = spawn(join(process.env.EXAMPLES, name), {
    env: { ...process.env, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const exit = once(child, "exit").then(() => running.delete(child));
  const stop = async () => {
    if (running.has(child)) child.kill("SIGKILL");
    await exit;
  };
  t.after(stop);
  const lines = createInterface({ input: child.stdout });
  const ports = await Promise.race([listening(name, lines, listeners), exit]);
  if (!Array.isArray(ports)) throw new Error(`\`${name}\` ended`);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  return { url: urls[0], urls, port: ports[0], ports, stop };
}

/** The ports of so many lines; what comes after them is read and dropped. */
function listening(name, lines, count) {
  const ports = [];
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      if (ports.length === count) return;
      const port = Number(/^listening on http:\/\/localhost:(\d+)$/.exec(line)?.[1]);
      if (!port) return reject(new Error(`\`${name}\` did not start: ${JSON.stringify(line)}`));
      if (ports.push(port) === count) resolve(ports);
    });
  });
}

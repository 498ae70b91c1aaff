// Starts an example of the repository, which `EXAMPLES` says where to find, and stops it after the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * `{ url, port, stop, signal, exit, lines }` of the example, which listens on a free port, or on `env.PORT`: `exit` is its
 * exit code, as soon as it has ended, and `lines` what it has said since it listened.
 */
export async function example(t, name, env = {}) {
  if (!process.env.EXAMPLES) throw new Error("EXAMPLES must name the folder of the built examples");
  const child = spawn(join(process.env.EXAMPLES, name), {
    env: { ...process.env, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const exit = once(child, "close").then(([code]) => (running.delete(child), code));
  const stop = async () => {
    if (running.has(child)) child.kill("SIGKILL");
    await exit;
  };
  t.after(stop);
  const lines = createInterface({ input: child.stdout });
  // Listened to from the start: what comes together with the first line is not lost.
  const said = [];
  lines.on("line", (line) => said.push(line));
  const first = await Promise.race([once(lines, "line").then(([line]) => line), exit]);
  const [, scheme, port] = /^listening on (https?):\/\/localhost:(\d+)$/.exec(first) ?? [];
  if (!port) throw new Error(`\`${name}\` did not start: ${JSON.stringify(first)}`);
  said.shift();
  const signal = (name) => child.kill(name);
  return { url: `${scheme}://127.0.0.1:${port}`, port: Number(port), stop, signal, exit, lines: said };
}

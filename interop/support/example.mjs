// Starts an example of the repository, which `EXAMPLES` says where to find, and stops it after the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** `{ url, port, stop }` of the example, which listens on a free port, or on `env.PORT`. */
export async function example(t, name, env = {}) {
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
  const first = await Promise.race([once(lines, "line").then(([line]) => line), exit]);
  const port = Number(/^listening on http:\/\/localhost:(\d+)$/.exec(first)?.[1]);
  if (!port) throw new Error(`\`${name}\` did not start: ${JSON.stringify(first)}`);
  lines.resume();
  return { url: `http://127.0.0.1:${port}`, port, stop };
}

// The chat on two nodes behind nginx, with Redis between them, as `examples/cluster/run.sh` starts it. `CLUSTER_NODE` names
// a node that is built already.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { open } from "./browser.mjs";
import { User } from "./chat.mjs";

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), "../../../examples/cluster/run.sh");
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGTERM")));

export class Chats {
  static async start(t) {
    const chats = new Chats();
    chats.ports = await freePorts(4);
    const [PORT, PORT_A, PORT_B, REDIS_PORT] = chats.ports;
    const env = { ...process.env, PORT, PORT_A, PORT_B, REDIS_PORT, NODE: process.env.CLUSTER_NODE || "" };
    const child = spawn(SCRIPT, { env, stdio: ["ignore", "pipe", "inherit"] });
    running.add(child);
    const exit = once(child, "exit").then(() => running.delete(child));
    t.after(async () => {
      child.kill("SIGTERM");
      await exit;
    });
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) if (line === `listening on http://localhost:${PORT}`) return chats;
    throw new Error("the chat did not start");
  }

  /** A user whose browser is at one node, `a` or `b`, as long as that is there. */
  async enter(t, name, node) {
    const page = await open(t);
    const url = `http://127.0.0.1:${this.ports[0]}`;
    await page.context().addCookies([{ name: "node", value: node, url }]);
    await page.goto(url);
    const user = new User(page);
    await user.the("name-input").fill(name);
    await user.the("enter").click();
    await user.the("online-item").first().waitFor();
    await user.status("connected", "websocket");
    return user;
  }

  /** Tells a node to end, as for an update. */
  async end(node) {
    const port = this.ports[node === "a" ? 1 : 2];
    const pid = await processOf(port);
    process.kill(pid, "SIGTERM");
  }
}

/** The process that listens on a port of this machine, by Linux' tables. */
async function processOf(port) {
  const { readFileSync, readdirSync, readlinkSync } = await import("node:fs");
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const line = readFileSync("/proc/net/tcp", "utf8").split("\n").find((line) => line.includes(`:${hex} 00000000:0000 0A`));
  const inode = line?.trim().split(/\s+/)[9];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const file of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${file}`) === `socket:[${inode}]`) return Number(pid);
      }
    } catch {
      // It has ended meanwhile, or is not ours.
    }
  }
  throw new Error(`nobody listens on ${port}`);
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

// The cluster node of CONTRACT.md, with npm's socket.io and its adapters.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { adapter } from "./reference/adapters.mjs";
import { commands } from "./reference/commands.mjs";
import { serve } from "./reference/events.mjs";
import { options } from "./reference/options.mjs";
import { read, write } from "./support/values.mjs";

const given = options(process.argv.slice(2));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const http = createServer();
const io = new Server(http, {
  adapter: await adapter(given),
  allowEIO3: true,
  ...(given.recovery ? { connectionStateRecovery: { maxDisconnectionDuration: given.recovery } } : {}),
});
if (given["id-prefix"] !== undefined) {
  let made = 0;
  io.engine.generateId = () => `${given["id-prefix"]}${made++}`;
}
for (const namespace of [...given.namespaces, /^\/dynamic\//]) serve(io.of(namespace), given.number, say);
http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));

const known = commands(io);
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(1));
lines.on("line", async (line) => {
  const { id, do: name, ...command } = read(JSON.parse(line));
  try {
    if (!known[name]) throw new Error(`no command ${name}`);
    say({ id, ok: write((await known[name](command)) ?? null) });
    // What its adapter is still about to write gets out.
    if (name === "close") setTimeout(() => process.exit(0), 200);
  } catch (error) {
    say({ id, error: String(error.message ?? error) });
  }
});

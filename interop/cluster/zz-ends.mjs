import { spawn } from "node:child_process";
import { redis } from "../support/engines-redis.mjs";
import { node } from "./support/nodes.mjs";
import { until } from "./support/clusters.mjs";
import { context } from "../support/clients.mjs";
const [adapter, asker, what = "fetch", rounds = "60"] = process.argv.slice(2);
const server = await redis();
const port = new URL(server.url).port;
const lines = [];
const mon = spawn("redis-cli", ["-p", port, "monitor"]);
let rest = "";
mon.stdout.on("data", (d) => { rest += d; const p = rest.split("\n"); rest = p.pop(); lines.push(...p); });
const opts = { adapter, url: server.url, namespaces: ["/"] };
const nodes = [];
for (const [number, kind] of [asker, "rust", "rust"].entries()) nodes.push(await node(kind, { number, ...opts }));
const ends = [];
const t = { after: (end) => ends.push(end) };
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
let slow = 0, wrong = 0, cls = {};
for (let i = 0; i < Number(rounds); i++) {
  const of = `/dynamic/${i}`;
  const [a, b, c] = await Promise.all(nodes.map((n) => context(t, n, "client4").connect(of)));
  await until(async () => (await nodes[0].tell("servers", { of })) === 3);
  await sleep(5);
  const mark = lines.length;
  b.socket.disconnect();
  const wait = (i % 20) * 0.25, at = performance.now() + wait;
  if (wait >= 1) await sleep(Math.floor(wait) - 0.5); 
  while (performance.now() < at);
  const start = performance.now();
  let got;
  try { got = what === "fetch" ? (await nodes[0].tell("fetch", { of })).length : await nodes[0].tell("server-ask", { of, event: "add", args: [1], timeout: 5000 }); } catch (e) { got = e.message; }
  const took = performance.now() - start;
  await sleep(20);
  const is = (re) => lines.slice(mark).findIndex((l) => re.test(l));
  const seen = lines.slice(mark).filter((l) => /NUMSUB|numsub|UNSUBSCRIBE|PUBLISH/i.test(l)).map((l) => l.slice(0, 150));
  const okResult = what === "fetch" ? (got === 2 || got === 3) : got?.complete;
  if (took > 1000) { slow++; 
    const n = is(/numsub/i), u = is(/unsubscribe/i), p = is(/publish/i);
    const k = `numsub ${n} unsubscribe ${u} publish ${p}: ${n < u && u < p ? "ASKER" : "OURS?"}`; cls[k] = (cls[k] ?? 0) + 1; if (!(n<u&&u<p)) console.log(seen.join("\n")); }
  else if (!okResult) { wrong++; console.log("wrong", i, JSON.stringify(got)); }
  a.socket.disconnect(); c.socket.disconnect();
}
console.log(adapter, asker, what, { slow, wrong, cls });
for (const n of nodes) await n.stop();
mon.kill(); for (const e of ends) try { await e(); } catch {}
await server.stop(); process.exit(0);

// The proxies of the documentation with their configurations, whose addresses and files are exchanged and nothing else.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { connect as connectHttp2 } from "node:http2";
import https, { Agent } from "node:https";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { ROOT } from "./server.mjs";

const DOCS = join(dirname(ROOT), "docs", "proxies");
/** `nobody`, where we may choose: no proxy needs more. */
const user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
/** Those who choose no port for themselves take one that outgoing connections do not. */
const [FIRST_PORT, PORTS] = [20_000, 10_000];
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

const kinds = {
  nginx: {
    file: "nginx.conf",
    exchanged: ({ http, https, folder }) => [
      ["listen 80;", `listen 127.0.0.1:${http};`],
      ["listen 443 ssl http2;", `listen 127.0.0.1:${https} ssl http2;`],
      ["/etc/ssl/example.com.crt", `${folder}/crt`],
      ["/etc/ssl/example.com.key", `${folder}/key`],
    ],
    // Where Debian's own file includes ours.
    around: ({ folder }) => {
      const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((of) => `${of}_temp_path ${folder}/${of};`);
      const main = `daemon off; master_process off; pid ${folder}/pid; events { worker_connections 4096; }`;
      return { main: `${main}\nhttp { access_log off; ${places.join(" ")} include ${folder}/nginx.conf; }\n` };
    },
    command: ({ folder }) => ["nginx", "-e", "stderr", "-p", folder, "-c", `${folder}/main`],
    withoutUpgrades: [
      ["proxy_set_header Upgrade    $http_upgrade;", ""],
      ["proxy_set_header Connection $connection_to_node;", ""],
    ],
    unsticky: [["hash $remote_addr consistent;", ""]],
    impatient: [["proxy_read_timeout   60s;", "proxy_read_timeout 2s;"]],
  },
  haproxy: {
    file: "haproxy.cfg",
    exchanged: ({ http, https, folder }) => [
      ["bind :80", `bind 127.0.0.1:${http}`],
      ["bind :443 ssl", `bind 127.0.0.1:${https} ssl`],
      ["/etc/ssl/example.com.pem", `${folder}/pem`],
    ],
    around: () => ({ global: "global\n    maxconn 8000\n" }),
    command: ({ folder }) => ["haproxy", "-db", "-f", `${folder}/global`, "-f", `${folder}/haproxy.cfg`],
    unsticky: [["stick store-response res.cook(io)", ""], ["stick match url_param(sid)", ""]],
    impatient: [["timeout tunnel  60s", "timeout tunnel 2s"]],
    withoutUpgrades: [["option forwardfor", "option forwardfor\n    http-request deny if { hdr(upgrade) -m found }"]],
    byCookie: [
      ["stick-table type string len 64 size 1m expire 5m", "cookie node insert indirect nocache httponly secure"],
      ["stick store-response res.cook(io)", ""],
      ["stick match url_param(sid)", ""],
      ["server a", "default-server cookie a\n    server a"],
      ["server b", "default-server cookie b\n    server b"],
    ],
  },
  caddy: {
    file: "Caddyfile",
    exchanged: ({ https, folder }) => [
      ["example.com {", `https://127.0.0.1:${https} {\n\tbind 127.0.0.1\n\ttls ${folder}/crt ${folder}/key`],
    ],
    // Its certificates come from elsewhere in a test.
    before: "{\n\tadmin off\n\tauto_https off\n\tdefault_sni 127.0.0.1\n}\n",
    around: () => ({}),
    command: ({ folder }) => ["caddy", "run", "--adapter", "caddyfile", "--config", `${folder}/Caddyfile`],
    withoutUpgrades: [["reverse_proxy", "@upgrade header Upgrade *\n\trespond @upgrade 400\n\treverse_proxy"]],
    unsticky: [["lb_policy ip_hash", ""]],
    byCookie: [["lb_policy ip_hash", "lb_policy cookie node"]],
  },
};
export const PROXIES = Object.keys(kinds);

/** A proxy before two nodes. `changed` names other changes of its configuration, `withoutUpgrades` for example. */
export async function start(name, nodes, changed) {
  const kind = kinds[name];
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  for (const left of [2, 1, 0]) {
    const ports = [await freePort(), await freePort()];
    const place = { folder, http: ports[0], https: ports[1] };
    const pairs = [
      ...nodes.map((node, i) => [`10.0.0.1${i + 1}:3000`, `127.0.0.1:${node.port}`]),
      ...kind.exchanged(place),
      ...(changed ? kind[changed] : []),
    ];
    const files = {
      [kind.file]: (kind.before ?? "") + exchange(readFileSync(join(DOCS, kind.file), "utf8"), pairs),
      crt: certificate().crt,
      key: certificate().key,
      pem: certificate().crt + certificate().key,
      ...kind.around(place),
    };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    if (user.uid) for (const path of [folder, ...readdirSync(folder).map((file) => join(folder, file))]) {
      chownSync(path, user.uid, user.gid);
    }
    const child = await launch(kind.command(place), folder, place.https);
    if (child.exitCode !== null && left > 0) continue;
    if (child.exitCode !== null) remove();
    assert.equal(child.exitCode, null, `${name} did not start:\n${child.said()}`);
    return {
      url: `https://127.0.0.1:${place.https}`,
      plain: `http://127.0.0.1:${place.http}`,
      port: place.https,
      path: "/socket.io",
      async stop() {
        const exit = child.exitCode === null && child.signalCode === null && once(child, "exit");
        child.kill("SIGKILL");
        await exit;
        remove();
      },
    };
  }
}

/** A proxy for all tests of a file (or of a suite). */
export function shared(name, nodes, changed) {
  const proxy = {};
  before(async () => Object.assign(proxy, await start(name, nodes, changed)));
  after(() => proxy.stop?.());
  return proxy;
}

/** A proxy for one test. */
export async function own(t, name, nodes, changed) {
  const proxy = await start(name, nodes, changed);
  t.after(() => proxy.stop());
  return proxy;
}

/** What a client needs that comes from this address and believes our certificate. */
export function from(t, address = "127.0.0.1") {
  const ca = certificate().crt;
  const agent = new Agent({ ca, localAddress: address, keepAlive: true });
  t.after(() => agent.destroy());
  return { ca, agent };
}

/** A request that is no client's: `{ status, headers, body }`. */
export async function request(url, { body, ...options } = {}) {
  const secure = url.startsWith("https:");
  const sent = (secure ? https : http).request(url, { ca: certificate().crt, agent: false, ...options }).end(body);
  const [response] = await once(sent, "response");
  const { statusCode: status, headers } = response;
  return { status, headers, body: (await response.toArray()).join("") };
}

/** A connection of HTTP/2, as browsers make. */
export async function http2(t, proxy) {
  const session = connectHttp2(proxy.url, { ca: certificate().crt });
  t.after(() => session.destroy());
  await once(session, "remoteSettings");
  return session;
}

let made;
/** A key, and the certificate that it signed itself. */
function certificate() {
  if (made) return made;
  const folder = mkdtempSync(join(tmpdir(), "certificate-"));
  const [crt, key] = [join(folder, "crt"), join(folder, "key")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync("openssl", ["req", ...kind, ...names, "-keyout", key, "-out", crt], { stdio: "pipe" });
  made = { crt: readFileSync(crt, "utf8"), key: readFileSync(key, "utf8") };
  rmSync(folder, { recursive: true });
  return made;
}

function exchange(text, pairs) {
  for (const [old, now] of pairs) {
    assert.equal(text.split(old).length, 2, `once in the configuration: ${old}`);
    text = text.replace(old, () => now);
  }
  return text;
}

/** Starts a proxy and waits until it listens, or has ended. */
async function launch([program, ...args], folder, port) {
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(program, args, { ...user, env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => said.push(data));
  child.said = () => Buffer.concat(said).toString();
  child.once("exit", () => running.delete(child));
  await Promise.race([once(child, "spawn"), once(child, "error").then(([error]) => Promise.reject(error))]);
  while (child.exitCode === null && !(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  return child;
}

function listens(port) {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

async function freePort() {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

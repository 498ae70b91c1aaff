// Postgres: a database of its own, which forgets all when it is stopped.
import { chmodSync, chownSync, readdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import pg from "pg";
import { authority } from "./certificate.mjs";
import { children, find, folder, freePort, launch, lives, run, until } from "./engines.mjs";

const PASSWORD = "s3cret:/@%";
/** Where Debian has its programs, the newest first. */
const VERSIONS = "/usr/lib/postgresql";

export const POSTGRES = find("postgres", folders());

function folders() {
  try {
    const versions = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(VERSIONS, version, "bin"));
  } catch {
    return [];
  }
}

/** It does not run as root. */
function user() {
  if (process.getuid() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (what) => Number(execFileSync("id", [what, name], { stdio: "pipe" }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // There is nobody of that name.
    }
  }
  throw new Error(`Postgres does not run as ${userInfo().username}`);
}

/** A server: `url`, and `ca`, the file with whom to trust, if it speaks `tls`. */
export async function postgres({ tls = false, more = [] } = {}) {
  const owner = user();
  const place = folder("postgres", owner);
  const own = (name, text) => {
    const file = join(place.path, name);
    writeFileSync(file, text);
    if (owner.uid !== undefined) chownSync(file, owner.uid, owner.gid);
    chmodSync(file, 0o600);
    return file;
  };
  const data = join(place.path, "data");
  const secret = own("password", PASSWORD);
  const how = ["-U", "someone", "--pwfile", secret, "--auth", "scram-sha-256", "--no-sync", "--no-instructions"];
  const options = { user: owner, cwd: place.path, env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" } };
  await run([POSTGRES.replace(/postgres$/, "initdb"), "-D", data, ...how], options);

  const port = await freePort();
  const set = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off", shared_buffers: "16MB" };
  const words = Object.entries(set).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  let ca;
  if (tls) {
    const made = authority();
    ca = { file: join(place.path, "ca"), text: made.ca };
    writeFileSync(ca.file, made.ca);
    chmodSync(place.path, 0o711);
    words.push("-c", "ssl=on", "-c", `ssl_cert_file=${own("certificate", made.certificate)}`);
    words.push("-c", `ssl_key_file=${own("key", made.key)}`);
  }
  const url = `postgres://someone:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
  const server = new Server([POSTGRES, "-D", data, ...words, ...more], options, {
    url: tls ? `${url}?sslmode=require` : url,
    port,
    ca: ca?.file,
    connection: { connectionString: url, ssl: ca && { ca: ca.text }, connectionTimeoutMillis: 10_000 },
  });
  await server.start();
  let stopped;
  const stop = async () => {
    await server.end();
    place.remove();
  };
  return Object.assign(server, { folder: place.path, stop: () => (stopped ??= stop()) });
}

class Server {
  constructor(command, options, { url, port, ca, connection }) {
    Object.assign(this, { command, options, url, port, ca, connection });
  }

  async start() {
    this.child = launch(this.command, this.options);
    await until(() => this.tell("select 1").then(() => true, () => false), this.child);
  }

  /** A statement, on a connection of its own; the rows. */
  async tell(...statement) {
    const client = new pg.Client(this.connection);
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(...statement)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends it as a crash would. */
  async kill() {
    const backends = children(this.child.pid);
    this.child.kill("SIGKILL");
    await this.child.over;
    for (const pid of backends) signal(pid, "SIGKILL");
    await until(() => !backends.some(lives));
  }

  /** After `kill`: on the same port, with what it had committed. */
  restart() {
    return this.start();
  }

  /** It answers nobody, and keeps its connections. */
  pause() {
    this.child.kill("SIGSTOP");
    this.stopped = children(this.child.pid);
    this.stopped.forEach((pid) => signal(pid, "SIGSTOP"));
  }

  resume() {
    this.stopped?.forEach((pid) => signal(pid, "SIGCONT"));
    this.child.kill("SIGCONT");
  }

  /** Cuts every connection; how many. */
  async cut() {
    const others = "backend_type = 'client backend' and pid <> pg_backend_pid()";
    return (await this.tell(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)).length;
  }

  async end() {
    this.resume();
    await this.kill();
  }
}

function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

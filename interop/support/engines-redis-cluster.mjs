// Six servers of Redis, or Valkey, as a cluster.
import { find, freePort, run, until } from "./engines.mjs";
import { once, redis, REDISES } from "./engines-redis.mjs";

/** Three primaries with a replica each. */
export async function redisCluster({ program = REDISES[0], more = [] } = {}) {
  const words = async () => ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", await freePort()];
  const servers = await Promise.all(
    Array.from({ length: 6 }, async () => redis({ program, more: [...(await words()), ...more] })),
  );
  const cluster = new RedisCluster(servers, find(program.replace("-server", "-cli")));
  await cluster.manage("create", ...servers.map(address), "--cluster-replicas", "1");
  await cluster.whole();
  return cluster;
}

class RedisCluster {
  constructor(servers, cli) {
    Object.assign(this, { servers, cli, urls: servers.map(({ url }) => url), stop: once(() => this.end()) });
    this.url = this.urls.join(",");
  }

  /** Waits until every server knows of all, and has its primary or says that it is one. */
  async whole() {
    await until(async () => {
      const infos = await Promise.all(this.servers.map((server) => server.tell("CLUSTER", "INFO")));
      const roles = await Promise.all(this.servers.map(role));
      return (
        infos.every((info) => /cluster_state:ok/.test(info) && /cluster_known_nodes:6/.test(info)) &&
        roles.filter(({ primary, linked }) => primary && linked).length === 3
      );
    });
  }

  /** The servers that hold slots now. */
  async primaries() {
    const alive = this.servers.filter(({ client }) => client.status === "ready");
    const roles = await Promise.all(alive.map(role));
    return alive.filter((_, i) => !roles[i].primary);
  }

  /** The server that has a key, or a shard channel, as every server says. */
  async owner(key) {
    const slot = await this.alive()[0].tell("CLUSTER", "KEYSLOT", key);
    let owner;
    await until(async () => {
      const said = await Promise.all(this.alive().map((server) => holder(server, slot)));
      owner = this.servers.find(({ port }) => port === said[0]);
      return said.every((port) => port === said[0]);
    });
    return owner;
  }

  /** The replica of a primary. */
  async replica(primary) {
    const roles = await Promise.all(this.alive().map(role));
    return this.alive().find((_, i) => roles[i].primary === primary.port);
  }

  /** Waits until a primary's replica has all that the primary has taken up to now. */
  async replicated(primary) {
    const said = async (server, name) => new RegExp(`${name}:(\\d+)`).exec(await server.tell("INFO", "replication"))?.[1];
    const replica = await this.replica(primary);
    const taken = Number(await said(primary, "master_repl_offset"));
    await until(async () => Number(await said(replica, "slave_repl_offset")) >= taken);
  }

  /** Waits until a replica is a primary. */
  takesOver(replica) {
    return until(async () => !(await role(replica)).primary);
  }

  /** Turns a primary and its replica around, without a loss. */
  async turn(primary) {
    await this.whole();
    const replica = await this.replica(primary);
    let asked = 0;
    await until(async () => {
      // The others may not elect it, as they have elected another one just now; it gives up after 5 s.
      if (Date.now() - asked > 6000) {
        await replica.tell("CLUSTER", "FAILOVER");
        asked = Date.now();
      }
      return !(await role(replica)).primary;
    });
    return replica;
  }

  /** Moves the slot of a key to another server with all that is in it, while it is in use. */
  async migrate(key, to) {
    const from = await this.owner(key);
    const slot = await from.tell("CLUSTER", "KEYSLOT", key);
    const [source, target] = await Promise.all([from, to].map((server) => server.tell("CLUSTER", "MYID")));
    await to.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", source);
    await from.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", target);
    for (;;) {
      const keys = await from.tell("CLUSTER", "GETKEYSINSLOT", slot, 100);
      if (keys.length === 0) break;
      await from.tell("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", ...keys);
    }
    // First where it is, so that no server sends anybody to one that does not have it.
    for (const server of [to, from, ...this.servers.filter((other) => other !== to && other !== from)]) {
      if (!(await role(server)).primary) await server.tell("CLUSTER", "SETSLOT", slot, "NODE", target);
    }
  }

  /** Moves that many slots, one after the other, as an administrator does. */
  async reshard(from, to, slots) {
    const [source, target] = await Promise.all([from, to].map((server) => server.tell("CLUSTER", "MYID")));
    const words = ["--cluster-from", source, "--cluster-to", target, "--cluster-slots", String(slots)];
    await this.manage("reshard", address(from), ...words);
  }

  manage(...words) {
    return run([this.cli, "--cluster", ...words, "--cluster-yes"]);
  }

  alive() {
    return this.servers.filter(({ client }) => client.status === "ready");
  }

  cut() {
    return Promise.all(this.servers.map((server) => server.cut()));
  }

  end() {
    return Promise.all(this.servers.map((server) => server.stop()));
  }
}

const address = ({ port }) => `127.0.0.1:${port}`;

/** The port of a replica's primary, and whether it hears of it. */
async function role(server) {
  const info = await server.tell("INFO", "replication");
  const primary = /role:slave[^]*master_port:(\d+)/.exec(info)?.[1];
  return { primary: primary && Number(primary), linked: /master_link_status:up/.test(info) };
}

/** The port of the server that has a slot, as one of them says. */
async function holder(server, slot) {
  const ranges = await server.tell("CLUSTER", "SLOTS");
  return ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
}

// What a cluster needs of each engine: options for its nodes, and what tests may want of the engine itself.
import { after } from "node:test";
import { postgres } from "../../support/engines-postgres.mjs";
import { redis, sentinel } from "../../support/engines-redis.mjs";
import { redisCluster } from "../../support/engines-redis-cluster.mjs";

export const onRedis = (options) => async () => uses(await redis(options));
/** Channels are on different servers, of which none waits for another. */
export const onRedisCluster = (options) => async () => uses(await redisCluster(options), { unordered: () => true });

/** One engine for all clusters of a file, one after the other, as it takes long to start. */
export function inTurns(engine) {
  let started;
  after(async () => (await started)?.stop());
  return async () => ({ ...(await (started ??= engine())), stop() {} });
}

export const onSentinel = () => async () => {
  const watched = await sentinel();
  return uses(watched, { more: { sentinel: watched.name } });
};

/** With attachments' table, which Node's adapter does not make itself. */
export const onPostgres = (options, table = true) => async () => {
  const server = await postgres(options);
  const columns = "id bigserial unique, created_at timestamptz default now(), payload bytea";
  if (table) await server.tell(`create table socket_io_attachments (${columns})`);
  // Node hands what it says to as many connections as its pool has, and does not wait for what it fetches.
  const unordered = (from, at) => from.kind === "node" || at.kind === "node";
  return uses(server, { unordered, more: { "heartbeat-interval": 300, "heartbeat-timeout": 3000 } });
};

function uses(server, { unordered, more = {} } = {}) {
  return { server, unordered, options: { url: server.url, ca: server.ca, ...more }, stop: () => server.stop() };
}

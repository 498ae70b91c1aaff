import { readFileSync } from "node:fs";
import { createAdapter as postgres } from "@socket.io/postgres-adapter";
import { createAdapter as classic, createShardedAdapter as sharded } from "@socket.io/redis-adapter";
import { createAdapter as streams } from "@socket.io/redis-streams-adapter";
import Redis from "ioredis";
import pg from "pg";
import { createCluster } from "redis";

const SHARDED = { sharded: "dynamic", "sharded-static": "static", "sharded-dynamic-private": "dynamic-private" };

/** The official adapter that the options name, once its engine is reached. */
export async function adapter(given) {
  const { prefix } = given;
  switch (given.adapter) {
    case "classic": {
      const [pub, sub] = await clients(given, 2);
      const publishOnSpecificResponseChannel = given["specific-responses"] === "true";
      const requestsTimeout = given["request-timeout"];
      return classic(pub, sub, defined({ key: prefix, requestsTimeout, publishOnSpecificResponseChannel }));
    }
    case "sharded":
    case "sharded-static":
    case "sharded-dynamic-private": {
      const [pub, sub] = await clients(given, 2);
      return sharded(pub, sub, defined({ channelPrefix: prefix, subscriptionMode: SHARDED[given.adapter] }));
    }
    case "streams":
    case "streams-sharded": {
      const [client] = await clients(given, 1);
      const names = { streamName: prefix, channelPrefix: prefix };
      const numbers = { streamCount: given.streams, maxLen: given["max-length"] };
      return streams(client, defined({ ...names, ...numbers, useShardedPubSub: given.adapter === "streams-sharded" }));
    }
    case "postgres": {
      const ssl = given.ca && { ca: readFileSync(given.ca, "utf8") };
      const pool = new pg.Pool({ connectionString: given.url.replace(/\?.*/, ""), ssl });
      pool.on("error", complain);
      await pool.query("select 1");
      return postgres(
        pool,
        defined({
          channelPrefix: prefix,
          payloadThreshold: given["payload-threshold"],
          heartbeatInterval: given["heartbeat-interval"],
          heartbeatTimeout: given["heartbeat-timeout"],
          cleanupInterval: given["cleanup-interval"],
          errorHandler: complain,
        }),
      );
    }
    default:
      throw new Error(`no adapter ${given.adapter}`);
  }
}

/** Connected clients: of ioredis, which subscribes again by itself, and of a cluster of npm's `redis`. */
async function clients({ url, ca }, number) {
  const urls = url.split(",");
  if (urls.length > 1) {
    const made = Array.from({ length: number }, () => createCluster({ rootNodes: urls.map((url) => ({ url })) }));
    return Promise.all(made.map((client) => client.on("error", complain).connect()));
  }
  const tls = ca && { ca: readFileSync(ca, "utf8") };
  const made = Array.from({ length: number }, () => new Redis(url, { ...(tls ? { tls } : {}), lazyConnect: true }));
  await Promise.all(made.map((client) => client.on("error", complain).connect()));
  // What is duplicated of a client connects by itself.
  made.forEach((client) => (client.options.lazyConnect = false));
  return made;
}

const complain = (error) => console.error(`engine: ${error.message}`);

const defined = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

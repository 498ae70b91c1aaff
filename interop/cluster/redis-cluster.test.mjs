// G13, G14, H8: sharded channels and streams on a Redis cluster of three primaries and three replicas.
import { essentials, everything, messages } from "./suite/all.mjs";
import { MIXED, UNMIXED } from "./support/clusters.mjs";
import { inTurns, onRedisCluster } from "./support/use.mjs";

const one = inTurns(onRedisCluster());
const sharded = { adapter: "sharded" };
everything("G13", "sharded on a Redis cluster", one, sharded, MIXED);
messages("G13", "sharded on a Redis cluster", one, sharded, UNMIXED);
essentials("G14", "streams on a Redis cluster", one, { adapter: "streams-sharded" });

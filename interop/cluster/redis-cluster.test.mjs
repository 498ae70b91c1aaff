// G13, G14, H8: sharded channels and streams on a Redis cluster of three primaries and three replicas.
import { essentials, everything } from "./suite/all.mjs";
import { onRedisCluster } from "./support/use.mjs";

everything("G13", "sharded on a Redis cluster", onRedisCluster(), { adapter: "sharded" });
essentials("G14", "streams on a Redis cluster", onRedisCluster(), { adapter: "streams-sharded" });

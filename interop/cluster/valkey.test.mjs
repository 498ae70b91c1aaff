// G13, G14, H8: whatever else than Redis is installed, with Node's adapters as the judge; also six servers of it.
import { REDISES } from "../support/engines-redis.mjs";
import { everything, messages } from "./suite/all.mjs";
import { MIXED } from "./support/clusters.mjs";
import { onRedis, onRedisCluster } from "./support/use.mjs";

for (const program of REDISES.slice(1)) {
  for (const [row, adapter] of [["G13", "classic"], ["G13", "sharded"], ["G14", "streams"]]) {
    everything(row, `${adapter} on ${program}`, onRedis({ program }), { adapter }, MIXED);
  }
  messages("G13", `sharded on six of ${program}`, onRedisCluster({ program }), { adapter: "sharded" }, MIXED);
}

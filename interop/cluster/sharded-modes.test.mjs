// G13, H8: the other modes of the sharded adapter, in which rooms have other channels or none.
import { messages } from "./suite/all.mjs";
import { MIXED } from "./support/clusters.mjs";
import { onRedis } from "./support/use.mjs";

for (const mode of ["sharded-static", "sharded-dynamic-private"]) messages("G13", mode, onRedis(), {}, MIXED);

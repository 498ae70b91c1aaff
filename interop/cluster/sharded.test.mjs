// G13, H8: the sharded adapter of `@socket.io/redis-adapter`.
import { everything, withShortIds } from "./suite/all.mjs";
import { onRedis } from "./support/use.mjs";

everything("G13", "sharded", onRedis());
withShortIds("G13", "sharded", onRedis());

// G14, H8: `@socket.io/redis-streams-adapter`.
import { everything, withShortIds } from "./suite/all.mjs";
import { onRedis } from "./support/use.mjs";

everything("G14", "streams", onRedis());
withShortIds("G14", "streams", onRedis());

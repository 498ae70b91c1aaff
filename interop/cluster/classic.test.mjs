// G13, H8: the classic adapter of `@socket.io/redis-adapter`.
import { everything } from "./suite/all.mjs";
import { onRedis } from "./support/use.mjs";

everything("G13", "classic", onRedis());

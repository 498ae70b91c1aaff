// G15, H8: `@socket.io/postgres-adapter`.
import { everything } from "./suite/all.mjs";
import { onPostgres } from "./support/use.mjs";

everything("G15", "postgres", onPostgres());

// G15, H8: `@socket.io/postgres-adapter`.
import { everything, withShortIds } from "./suite/all.mjs";
import { onPostgres } from "./support/use.mjs";

everything("G15", "postgres", onPostgres());
withShortIds("G15", "postgres", onPostgres());

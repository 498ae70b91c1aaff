import { describe } from "node:test";
import { MIXES, shared } from "../support/clusters.mjs";
import { acks } from "./acks.mjs";
import { broadcasts } from "./broadcasts.mjs";
import { disconnects } from "./disconnects.mjs";
import { oddNames, shortIds } from "./names.mjs";
import { programs } from "./programs.mjs";
import { sockets } from "./sockets.mjs";
import { users } from "./users.mjs";

/** Every operation, on every mix of nodes that there is, over what `engine` starts. */
export const everything = on([broadcasts, acks, sockets, programs, oddNames, users, disconnects]);

/** Those in which it matters which channel a message takes. */
export const messages = on([broadcasts, oddNames]);

/** Those that show that nodes reach each other, and ask each other. */
export const essentials = on([acks, sockets]);

/** Clients of the old protocol with ids that are not as long as others. */
export const withShortIds = (row, label, engine) =>
  on([shortIds])(row, label, engine, { "id-prefix": "short", namespaces: ["/"] });

function on(parts) {
  return (row, label, engine, options = {}, mixes = MIXES) => {
    for (const kinds of mixes) {
      describe(`${label}, ${kinds.join(" + ")}`, () => {
        const cluster = shared(row, label, kinds, engine, options);
        for (const part of parts) part(cluster);
      });
    }
  };
}

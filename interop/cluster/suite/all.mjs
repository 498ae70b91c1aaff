import { MIXES, shared } from "../support/clusters.mjs";
import { acks } from "./acks.mjs";
import { broadcasts } from "./broadcasts.mjs";
import { oddNames } from "./names.mjs";
import { programs } from "./programs.mjs";
import { sockets } from "./sockets.mjs";

/** Every operation, on every mix of nodes that there is, over what `engine` starts. */
export function everything(row, label, engine, options = {}) {
  for (const kinds of MIXES) {
    const cluster = shared(row, label, kinds, engine, options);
    for (const part of [broadcasts, acks, sockets, programs, oddNames]) part(cluster);
  }
}

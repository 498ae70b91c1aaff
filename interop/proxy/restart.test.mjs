// G20, F24: a rolling restart behind the real proxies.
import assert from "node:assert/strict";
import { MODES, context, one } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import * as proxies from "../support/proxies.mjs";
import { own } from "../support/server.mjs";
import { Talker, judge, record } from "../support/talker.mjs";

const RECONNECTING = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };

for (const name of proxies.PROXIES) {
  one(`G20 behind ${name} one node after the other restarts, its clients move, and nothing acknowledged is lost`, async (t) => {
    const { file, lines } = record(t);
    const options = { "trust-proxies": "127.0.0.1/32", cookie: "io", drain: 1000, record: file };
    const nodes = [await own(t, options), await own(t, options)];
    const proxy = await proxies.own(t, name, nodes);
    const kinds = ["client4", "client2"].flatMap((client) => MODES.map((mode) => [client, mode]));
    const peers = await Promise.all(
      range(30).map((i) =>
        context(t, proxy, ...kinds[i % kinds.length]).connect("/", { ...proxies.from(t, `127.0.${i + 1}.1`), ...RECONNECTING }),
      ),
    );
    const talkers = peers.map((peer, i) => new Talker(peer, `client-${i}`));
    same(await homes(peers), new Set(nodes.map(({ port }) => port)));

    for (const i of range(2)) {
      const [leaving, staying] = [nodes[i], nodes[1 - i]];
      leaving.signal("SIGTERM");
      same(await leaving.exit, { code: 0, signal: null });
      same(await homes(peers), new Set([staying.port]));
      nodes[i] = await own(t, { ...options, port: leaving.port });
    }
    // Whoever comes now may go to either.
    const late = await Promise.all(
      range(20).map((i) => context(t, proxy).connect("/", { ...proxies.from(t, `127.0.${i + 101}.1`), ...RECONNECTING })),
    );
    await homes(late);

    await Promise.all(talkers.map((talker) => talker.stop()));
    const { unanswered } = judge(lines(), talkers);
    const told = talkers.reduce((sum, { told }) => sum + told, 0);
    t.diagnostic(`${name}: ${told} events, ${lines().length} handled, ${unanswered} of these unanswered`);
  }, { timeout: 60_000 });
}

/** The nodes on which these clients are, when all of them are somewhere. */
async function homes(peers) {
  const nodes = await Promise.all(
    peers.map(async (peer) => {
      for (;;) {
        const { socket } = peer;
        if (!socket.connected) await new Promise((resolve) => socket.once("connect", resolve));
        let lost;
        const gone = new Promise((resolve) => socket.once("disconnect", (lost = () => resolve())));
        const answer = await Promise.race([peer.call("connection"), gone]);
        socket.off("disconnect", lost);
        if (answer) return answer[0].node;
      }
    }),
  );
  return new Set(nodes);
}

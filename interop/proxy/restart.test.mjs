// G20, F24: a rolling restart behind the real proxies.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { MODES, context, one } from "../support/clients.mjs";
import { range, same } from "../support/expect.mjs";
import * as proxies from "../support/proxies.mjs";
import { own } from "../support/server.mjs";
import { Talker, judge, record } from "../support/talker.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";
const RECONNECTING = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };

for (const name of proxies.PROXIES) {
  describe(name, () => {
    one("G20 one node after the other restarts, its clients move, and nothing acknowledged is lost", async (t) => {
      const { file, lines } = record(t);
      const options = { "trust-proxies": "127.0.0.1/32", cookie: "io", drain: 1000, record: file };
      const nodes = [await own(t, options), await own(t, options)];
      const proxy = await proxies.own(t, name, nodes);
      const peers = await crowd(t, proxy, 30);
      const talkers = peers.map((peer, i) => new Talker(peer, `client-${i}`));
      const answers = () => Promise.all(talkers.map((talker) => talker.answered()));
      await answers();
      same(await homes(peers), new Set(nodes.map(({ port }) => port)));

      for (const i of range(2)) {
        const [leaving, staying] = [nodes[i], nodes[1 - i]];
        leaving.signal("SIGTERM");
        same(await leaving.exit, { code: 0, signal: null });
        same(await homes(peers), new Set([staying.port]));
        await answers();
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

    one("G20 new sessions come to another node than the one that is draining", async (t) => {
      const options = { cookie: "io", drain: 600_000 };
      const [old, next] = [await own(t, { ...options, "sid-prefix": "old" }), await own(t, { ...options, "sid-prefix": "next" })];
      const proxy = await proxies.own(t, name, [old, next]);
      const address = (i) => ({ localAddress: `127.0.${i}.1` });
      const open = (i) => proxies.request(`${proxy.url}${POLLING}`, address(i));
      const sid = ({ body }) => JSON.parse(body.slice(1)).sid;
      const sessions = (await Promise.all(range(40).map(async (i) => [i + 1, sid(await open(i + 1))]))).filter(([, of]) => of.startsWith("old"));
      assert.ok(sessions.length > 3);

      // The first one has to go at once, the others not for a long time.
      old.signal("SIGTERM");
      while ((await proxies.request(`${old.url}${POLLING}`)).status !== 503);
      const opened = [];
      for (const [i] of sessions) opened.push(await open(i));
      const refused = opened.filter(({ status }) => status === 503).length;
      // Caddy tells the first one itself, and is warned by it.
      assert.ok(refused <= (name === "caddy" ? 1 : 0), `${refused} were refused`);
      for (const answer of opened) if (answer.status !== 503) assert.match(sid(answer), /^next/);

      if (name === "caddy") return; // which sends what is left to the other node, too
      const post = { method: "POST", body: "40" };
      const posts = sessions.map(([i, of]) => proxies.request(`${proxy.url}${POLLING}&sid=${of}`, { ...address(i), ...post }));
      const kept = (await Promise.all(posts)).filter(({ status }) => status === 200).length;
      assert.equal(kept, sessions.length - 1);
    });

    one("F24 the clients of a node that dies go to the other one", async (t) => {
      const nodes = [await own(t, { cookie: "io" }), await own(t, { cookie: "io" })];
      const proxy = await proxies.own(t, name, nodes);
      const peers = await crowd(t, proxy, 18);
      same(await homes(peers), new Set(nodes.map(({ port }) => port)));
      await nodes[0].stop();
      same(await homes(peers), new Set([nodes[1].port]));
    }, { timeout: 30_000 });
  });
}

/** Clients of both versions and over every transport, each from an address of its own. */
function crowd(t, proxy, number) {
  const kinds = ["client4", "client2"].flatMap((client) => MODES.map((mode) => [client, mode]));
  return Promise.all(
    range(number).map((i) =>
      context(t, proxy, ...kinds[i % kinds.length]).connect("/", { ...proxies.from(t, `127.0.${i + 1}.1`), ...RECONNECTING }),
    ),
  );
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

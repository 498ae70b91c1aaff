// Events for clients on all nodes.
import assert from "node:assert/strict";
import { range, same } from "../../support/expect.mjs";
import { counts, each, names, until } from "../support/clusters.mjs";
import { integer, missing } from "../support/values.mjs";

const BYTES = Buffer.from([0, 1, 127, 128, 255]);

export function broadcasts(cluster) {
  each(cluster, "an event for everybody reaches each client of each node once", async (scene) => {
    const { here } = scene;
    const peers = await scene.people();
    await here.tell("emit", { event: "news", args: ["text", 1, { and: [null, true] }] });
    await scene.settled(...peers);
    for (const peer of peers) same(peer.news.all, [["text", 1, { and: [null, true] }]]);
  });

  each(cluster, "an event has as many arguments as it was given, and none if none", async (scene) => {
    const peers = await scene.people();
    for (const args of [[], [null], range(20)]) await scene.here.tell("emit", { event: "news", args });
    await scene.settled(...peers);
    for (const peer of peers) scene.arrived(peer, [[], [null], range(20)]);
  });

  each(cluster, "an event for a room reaches its clients, on whichever node", async (scene) => {
    const { here, there } = scene;
    const [room] = names("room");
    const [a, b, c, d] = [
      await scene.peer(here, { rooms: [room] }),
      await scene.peer(here),
      await scene.peer(there, { rooms: [room], client: "client2" }),
      await scene.peer(there),
    ];
    await here.tell("emit", { to: [room], event: "news", args: [1] });
    await here.tell("emit", { to: ["nobody is here"], event: "news", args: [2] });
    await scene.settled(a, b, c, d);
    same([a, b, c, d].map(({ news }) => news.all), [[[1]], [], [[1]], []]);
  });

  each(cluster, "an event for one socket finds it by its id", async (scene) => {
    const [a, b] = [await scene.peer(scene.there), await scene.peer(scene.there)];
    await scene.here.tell("emit", { to: [a.id], event: "news", args: ["you"] });
    await scene.settled(a, b);
    same([a.news.all, b.news.all], [[["you"]], []]);
  });

  each(cluster, "rooms are a union in which nobody is twice", async (scene) => {
    const { here, there } = scene;
    const [x, y, z] = names("x", "y", "z");
    const peers = await Promise.all([
      scene.peer(here, { rooms: [x, y] }),
      scene.peer(there, { rooms: [x, y] }),
      scene.peer(there, { rooms: [y, z] }),
      scene.peer(there, { rooms: [z] }),
    ]);
    await here.tell("emit", { to: [x, y], event: "news", args: [1] });
    await scene.settled(...peers);
    same(counts(...peers), [1, 1, 1, 0]);
    await here.tell("emit", { to: [x, y, z], except: [z], event: "news", args: [2] });
    await scene.settled(...peers);
    same(counts(...peers), [2, 2, 1, 0]);
  });

  each(cluster, "an event for everybody except some rooms and sockets", async (scene) => {
    const { here, there } = scene;
    const [quiet] = names("quiet");
    const peers = await Promise.all([
      scene.peer(here),
      scene.peer(there),
      scene.peer(here, { rooms: [quiet] }),
      scene.peer(there, { rooms: [quiet] }),
      scene.peer(there),
    ]);
    await here.tell("emit", { except: [quiet, peers[4].id], event: "news", args: [] });
    await scene.settled(...peers);
    same(counts(...peers), [1, 1, 0, 0, 0]);
  });

  each(cluster, "a local event reaches the clients of its own node only", async (scene) => {
    const { here, there } = scene;
    const [room] = names("room");
    const peers = await Promise.all([
      scene.peer(here, { rooms: [room] }),
      scene.peer(there, { rooms: [room] }),
    ]);
    await here.tell("emit", { local: true, event: "news", args: [1] });
    await here.tell("emit", { local: true, to: [room], event: "news", args: [2] });
    await scene.settled(...peers);
    same(peers.map(({ news }) => news.all), [[[1], [2]], []]);
  });

  each(cluster, "a volatile event reaches idle clients of other nodes", async (scene) => {
    const peers = await scene.people({ old: false });
    // It may be dropped where something is just being written.
    for (const peer of peers) {
      await until(async () => {
        await scene.here.tell("emit", { to: [peer.id], volatile: true, event: "news", args: [BYTES] });
        await peer.sync();
        return peer.news.all.length > 0;
      });
      same(peer.news.all[0], [BYTES]);
    }
  });

  each(cluster, "what a client sends to others reaches them on all nodes, and not itself", async (scene) => {
    const { here, there } = scene;
    const [room] = names("room");
    const [sender, a, b, c] = await Promise.all([
      scene.peer(here, { rooms: [room] }),
      scene.peer(here, { rooms: [room] }),
      scene.peer(there, { rooms: [room] }),
      scene.peer(there),
    ]);
    await sender.call("cast", {}, "news", "all", BYTES);
    await sender.call("cast", { to: [room] }, "news", "room");
    await sender.call("cast", { to: [room], except: [b.id] }, "news", "except");
    await scene.settled(sender, a, b, c);
    scene.arrived(sender, []);
    scene.arrived(a, [["all", BYTES], ["room"], ["except"]]);
    scene.arrived(b, [["all", BYTES], ["room"]]);
    scene.arrived(c, [["all", BYTES]]);
  });

  each(cluster, "binary arrives wherever it stands in the arguments", async (scene) => {
    const peers = await scene.people();
    const [room] = names("room");
    await Promise.all(peers.map((peer) => scene.join(peer, [room])));
    const all = [
      [BYTES],
      ["text", { deep: [{ er: BYTES }, 1], also: BYTES }],
      [Buffer.alloc(0), Buffer.alloc(1, 7)],
      [range(10).map((i) => Buffer.from([i]))],
    ];
    for (const args of all) {
      const seen = peers.map(({ news }) => news.all.length);
      await scene.here.tell("emit", { event: "news", args });
      await scene.here.tell("emit", { to: [room], event: "news", args });
      await Promise.all(peers.map((peer, i) => peer.news.count(seen[i] + 2)));
    }
    await scene.settled(...peers);
    for (const peer of peers) same(peer.news.all, all.flatMap((args) => [args, args]));
  });

  each(cluster, "large events arrive whole, text and binary", async (scene) => {
    const peers = await scene.people();
    const text = "ä€😀 \"\\\n".repeat(30_000);
    const bytes = Buffer.alloc(200_000, "0123456789");
    for (const args of [[text], [bytes], [{ text, bytes }]]) {
      const before = peers.map(({ news }) => news.all.length);
      await scene.here.tell("emit", { event: "news", args });
      await Promise.all(peers.map(({ news }, i) => news.count(before[i] + 1)));
    }
    await scene.settled(...peers);
    for (const peer of peers) same(peer.news.all, [[text], [bytes], [{ text, bytes }]]);
  });

  each(cluster, "events of one node arrive in the order in which it emitted them", async (scene) => {
    const [room] = names("room");
    const peers = await scene.people();
    await Promise.all(peers.map((peer) => scene.join(peer, [room])));
    // Of one kind: what goes by different channels of an engine may overtake.
    for (const to of [[], [room]]) {
      const before = peers.map(({ news }) => news.all.length);
      await Promise.all(range(200).map((i) => scene.here.tell("emit", { to, event: "news", args: [i] })));
      await Promise.all(peers.map(({ news }, i) => news.count(before[i] + 200)));
    }
    await scene.settled(...peers);
    for (const peer of peers) scene.arrived(peer, [...range(200), ...range(200)].map((i) => [i]));
  });

  for (const [how, more] of [["text", []], ["binary", [BYTES]]]) {
    each(cluster, `numbers keep their values, beyond 2^53 too, in ${how}`, async (scene) => {
      const { kind } = scene.here;
      const numbers = [0, -1, 127, 128, 255, 256, 65_535, 65_536, -32_769, 2 ** 31, 2 ** 32, 2 ** 32 + 1, -(2 ** 33)];
      const large = ["9007199254740993", "-9007199254740993", "1152921504606846977", "9223372036854775807"];
      const fractions = [0.1, -2.5e-8, 4.9e-324];
      // Of whole numbers from 2^64 on one of Node's two encoders makes 0.
      if (kind === "rust") large.push("18446744073709551615", "-9223372036854775808") && fractions.push(1e300, -1e22);
      const peers = await scene.people();
      const args = [...numbers, ...large.map(integer), ...fractions, ...more];
      await scene.here.tell("emit", { event: "news", args });
      await scene.settled(...peers);
      for (const peer of peers) same(peer.news.all, [[...numbers, ...large.map(Number), ...fractions, ...more]]);
    });

    each(cluster, `values that are not there are null, and dates are text, in ${how}`, async (scene) => {
      const peers = await scene.people();
      const date = "2026-02-03T04:05:06.789Z";
      const whole = "1969-12-31T23:59:58.000Z";
      const dates = [date, whole].map((text) => (scene.here.kind === "node" ? { $date: text } : text));
      const args = [missing, null, ...dates, { at: dates, gone: missing }, ...more];
      await scene.here.tell("emit", { event: "news", args });
      await scene.settled(...peers);
      for (const peer of peers) {
        const [[first, second, third, fourth, { at, gone }, ...rest]] = peer.news.all;
        same([first, second, third, fourth, at, rest], [null, null, date, whole, [date, whole], more]);
        assert.ok(gone === undefined || gone === null, `${gone}`);
        same(peer.news.all.length, 1);
      }
    });

    each(cluster, `text of all kinds arrives as it was, in ${how}`, async (scene) => {
      const peers = await scene.people();
      const texts = ["", "\0\u0001\u001e\n\r\t\"\\/", "\u2028\u2029", "äöü€", "😀", "\ufeff", "x".repeat(40), "y".repeat(300)];
      const args = [...texts, Object.fromEntries(texts.map((text, i) => [text, i])), [[[[[[[[]]]]]]]], {}, ...more];
      await scene.here.tell("emit", { event: "news", args });
      await scene.settled(...peers);
      for (const peer of peers) same(peer.news.all, [args]);
    });
  }
}

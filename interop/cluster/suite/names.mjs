// Names and ids that are not as usual.
import { same } from "../../support/expect.mjs";
import { counts, deaf, each, names, reached, sameSet, until } from "../support/clusters.mjs";

const LONG = 8000;
let number = 1000;

export function oddNames(cluster) {
  for (const of of ["/odd**", "/oddities", "/even[a-z]"]) {
    each(cluster, `the namespace ${of} is one like any other`, async (scene) => {
      const { here, there, others } = scene;
      const [a, b] = [await scene.peer(here, { of }), await scene.peer(there, { of })];
      const [room] = names("room");
      const outside = [];
      for (const other of ["/", "/odd**", "/oddities", "/even[a-z]"].filter((other) => other !== of)) {
        outside.push(await scene.peer(there, { of: other }));
      }
      // Node's classic adapter is deaf here to broadcasts, not to questions.
      const hears = !deaf(there, of);
      if (hears) await scene.join(b, [room]);
      else await b.call("join", [room]);
      await here.tell("emit", { of, event: "news", args: [1] });
      await here.tell("emit", { of, to: [room], event: "news", args: [2] });
      if (hears && !deaf(here, of)) await scene.settled(a, b);
      else if (hears) await b.news.count(2);
      await Promise.all([a, ...outside].map((peer) => peer.sync()));
      same(a.news.all, [[1]]);
      // What two namespaces' patterns match that adapter delivers twice.
      const times = cluster.adapter === "classic" && there.kind === "node" && of === "/oddities" ? 2 : 1;
      scene.arrived(b, hears ? [1, 2].flatMap((n) => Array(times).fill([n])) : []);
      same(counts(...outside), outside.map(() => 0));
      sameSet((await here.tell("fetch", { of, to: [room] })).map(({ id }) => id), [b.id]);
      a.socket.on("question", (ack) => ack("a"));
      b.socket.on("question", (ack) => ack("b"));
      sameSet((await here.tell("ask", { of, event: "question", args: [], timeout: LONG })).answers, ["a", "b"]);
      const answers = (await here.tell("server-ask", { of, event: "add", args: [0], timeout: LONG })).answers;
      sameSet(answers, others.map(({ number }) => number));
    });
  }

  each(cluster, "rooms may be called as globs, channels and wire names are", async (scene) => {
    const odd = ["*", "?", "[a-z]", "\\*", "#", "a#b#", "", " ", "ä€😀", "$", "socket.io#/#", "%", "\"", "'", "x".repeat(20)];
    const [suffix] = names("");
    const rooms = odd.map((name) => `${name}${suffix}`);
    const all = await Promise.all(rooms.map((room) => scene.peer(scene.there, { rooms: [room] })));
    for (const room of rooms) await scene.here.tell("emit", { to: [room], event: "news", args: [room] });
    await scene.settled(...all);
    same(all.map(({ news }) => news.all), rooms.map((room) => [[room]]));
    for (const [i, room] of rooms.entries()) {
      const found = await scene.here.tell("fetch", { to: [room] });
      same(found.map(({ id, rooms }) => [id, rooms.includes(room)]), [[all[i].id, true]]);
    }
  });

  each(cluster, "a room of the same length as a socket's id is a room", async (scene) => {
    const [suffix] = names("");
    const room = `twenty letters${suffix}`.padEnd(20, ".");
    const peers = [await scene.peer(scene.there), await scene.peer(scene.there)];
    // In this mode Node's adapter takes such a room for a socket, by its length.
    await peers[0].call("join", [room]);
    await reached(peers[0], [scene.here], "/", [room]);
    await scene.here.tell("emit", { to: [room], event: "news", args: [1] });
    await scene.settled(...peers);
    same(counts(...peers), [1, 0]);
  });

  each(cluster, "rooms that are numbers in JavaScript are found by their digits elsewhere", async (scene) => {
    const { here, there } = scene;
    const room = number++;
    const [a, b] = [await scene.peer(here), await scene.peer(there)];
    await Promise.all([a, b].map((peer) => peer.call("join", [room])));
    // In Node itself the number and its digits are two rooms, and nobody else has numbers.
    const meets = here.kind === "node" || there.kind === "rust";
    if (meets) await reached(b, [here], "/", [room]);
    await here.tell("emit", { to: [room], event: "news", args: [1] });
    await here.tell("emit", { to: [room, "nobody is here"], event: "news", args: [2] });
    await scene.settled(a, b);
    scene.arrived(a, [[1], [2]]);
    scene.arrived(b, meets ? [[1], [2]] : []);
    const found = (await here.tell("fetch", { to: [room] })).map(({ id, rooms }) => [id, rooms.includes(String(room))]);
    sameSet(found, [a, ...(meets ? [b] : [])].map(({ id }) => [id, true]));
    // Whoever says so joins a number's room, and is described by other nodes as being in it.
    await here.tell("join", { to: [b.id], rooms: [room + 0.5] });
    await until(async () => (await b.call("who"))[0].rooms.includes(String(room + 0.5)));
    same((await here.tell("fetch", { to: [b.id] }))[0].rooms.includes(String(room + 0.5)), true);
  });

  each(cluster, "an old client in a namespace is found by its id, which is longer than others", async (scene) => {
    const { here, there } = scene;
    const peer = await scene.peer(there, { of: "/chat", client: "client2" });
    same(peer.id.startsWith("/chat#"), true);
    const found = await here.tell("fetch", { of: "/chat", to: [peer.id] });
    same(found.map(({ id }) => id), [peer.id]);
    // In this mode Node does not subscribe to a socket's own channel, and by the id's length others use it.
    if (there.kind === "node" && cluster.adapter === "sharded") return;
    await reached(peer, [here], "/chat", [peer.id]);
    await here.tell("emit", { of: "/chat", to: [peer.id], event: "news", args: ["you"] });
    await scene.settled(peer);
    same(peer.news.all, [["you"]]);
  });

  each(cluster, "namespaces that come and go are shared while they are there", async (scene) => {
    const { here, there } = scene;
    const [of, empty] = [`/dynamic/${number++}`, `/dynamic/${number++}`];
    for (let round = 0; round < 2; round++) {
      const [a, b] = [await scene.peer(here, { of }), await scene.peer(there, { of })];
      await reached(b, [here], of, [undefined]);
      await reached(a, [there], of, [undefined]);
      await here.tell("emit", { of, event: "news", args: [round] });
      await Promise.all([a, b].map(({ news }) => news.count(1)));
      sameSet((await here.tell("fetch", { of })).map(({ id }) => id), [a.id, b.id]);
      [a, b].forEach(({ socket }) => socket.disconnect());
      // Node has it for ever; who asks has it, too. Whoever is just letting go of it may be waited for.
      const stay = scene.nodes.filter((node) => node === here || node.kind === "node").length;
      await until(async () => (await here.tell("servers", { of })) === stay);
      await until(async () => (await here.tell("fetch", { of })).length === 0);
    }
    same(await here.tell("fetch", { of: empty }), []);
  });
}

/** With the option `id-prefix`, by which old clients' ids are not as long as others. */
export function shortIds(cluster) {
  each(cluster, "a client whose id is shorter than others is found, and reached by it", async (scene) => {
    const { here, there } = scene;
    const peer = await scene.peer(there, { client: "client2" });
    same(peer.id.startsWith("short"), true);
    same((await here.tell("fetch", { to: [peer.id] })).map(({ id }) => id), [peer.id]);
    peer.socket.on("question", (ack) => ack("answer"));
    same((await here.tell("ask", { to: [peer.id], event: "question", args: [], timeout: LONG })).answers, ["answer"]);
    // Node does not hear it then, as with longer ones.
    if (there.kind === "node" && cluster.adapter === "sharded") return;
    await reached(peer, [here], "/", [peer.id]);
    await here.tell("emit", { to: [peer.id], event: "news", args: ["you"] });
    await scene.settled(peer);
    same(peer.news.all, [["you"]]);
  });
}

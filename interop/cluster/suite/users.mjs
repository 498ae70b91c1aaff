// The message client and the publisher, which reach users and sockets on all nodes; Node's servers know users as rooms.
import { same } from "../../support/expect.mjs";
import { counts, each, names, reached, until } from "../support/clusters.mjs";

export function users(cluster) {
  const logged = async (scene, ...users) => {
    const [a, b, c, d] = [scene.here, scene.there, scene.there, scene.there];
    const peers = await Promise.all([a, b, c, d].map((on) => scene.peer(on)));
    await Promise.all(users.map((user, i) => peers[i].call("login", user)));
    for (const [i, user] of users.entries()) await reached(peers[i], [scene.here], "/", [user, undefined], toUser);
    return peers;
  };
  const toUser = (node, of, user, event) => {
    if (node.kind === "node") return node.tell("emit", { of, to: [user === undefined ? "$users" : `$user:${user}`], ...event });
    return user === undefined ? node.tell("everyone", event) : node.tell("users", { users: [user], ...event });
  };
  const inRust = { when: ({ kind }) => kind === "rust" };

  each(cluster, "F18 F23 an event for users reaches their sockets on all nodes, each once", async (scene) => {
    const [ada, eve, bob] = names("ada", "eve", "bob");
    const peers = await logged(scene, ada, ada, eve);
    await scene.here.tell("users", { users: [ada, bob, ada], event: "news", args: [1] });
    await scene.here.tell("users", { users: [ada, eve], event: "news", args: [2] });
    await scene.here.tell("users", { users: [bob], event: "news", args: [3] });
    await scene.settled(...peers);
    peers.forEach((peer, i) => scene.arrived(peer, [[[1], [2]], [[1], [2]], [[2]], []][i]));
  }, inRust);

  each(cluster, "F19 an event for everyone reaches whoever has a user, on all nodes", async (scene) => {
    const peers = await logged(scene, ...names("ada", "eve"));
    await scene.here.tell("everyone", { event: "news", args: [Buffer.from([1])] });
    await scene.settled(...peers);
    same(counts(...peers), [1, 1, 0, 0]);
  }, inRust);

  each(cluster, "F20 users are disconnected on all nodes", async (scene) => {
    const [ada, eve] = names("ada", "eve");
    const peers = await logged(scene, ada, ada, eve);
    const gone = peers.slice(0, 2).map(({ socket }) => new Promise((resolve) => socket.once("disconnect", resolve)));
    await scene.here.tell("disconnect-users", { users: [ada], close: false });
    same(await Promise.all(gone), ["io server disconnect", "io server disconnect"]);
    same(await peers[2].call("ack", "alive"), ["alive"]);
  }, inRust);

  each(cluster, "F18 another program reaches a user by the name of the user's room", async (scene) => {
    const [ada, eve] = names("ada", "eve");
    const peers = await logged(scene, ada, ada, eve);
    await scene.here.tell("emit", { to: [`$user:${ada}`], event: "news", args: [1] });
    await scene.here.tell("emit", { to: ["$users"], except: [`$user:${ada}`], event: "news", args: [2] });
    await scene.settled(...peers);
    same(peers.slice(0, 3).map(({ news }) => news.all), [[[1]], [[1]], [[2]]]);
  }, { when: ({ kind }) => kind === "node" });

  each(cluster, "E16 E17 E18 E19 what is published reaches namespaces, rooms and sockets of the other nodes", async (scene) => {
    const { here, there } = scene;
    const [room] = names("room");
    const of = "/chat";
    const [own, a, b, c] = await Promise.all([
      scene.peer(here, { of, rooms: [room] }),
      scene.peer(there, { of, rooms: [room] }),
      scene.peer(there, { of, rooms: [room] }),
      scene.peer(there, { of }),
    ]);
    const root = await scene.peer(there);
    const peers = [own, a, b, c];
    const publish = (message, all = "") => here.tell(`publish${all}`, { message: { event: "news", namespace: "chat", ...message } });
    const expected = [0, 0, 0, 0];
    const sent = async (message, reached, all) => {
      await publish(message, all);
      await scene.settled(...peers);
      reached.forEach((times, i) => (expected[i] += times));
      same(counts(...peers), expected, JSON.stringify(message));
    };
    await sent({ data: ["all"] }, [0, 1, 1, 1]);
    await sent({ data: ["all"] }, [1, 1, 1, 1], "-all");
    await sent({ data: ["room"], room }, [0, 1, 1, 0]);
    await sent({ data: ["socket"], socketId: a.id }, [0, 1, 0, 0]);
    await sent({ data: ["except"], room, socketId: a.id, broadcast: true }, [0, 0, 1, 0]);
    await root.sync();
    same(counts(root), [0]);
  }, inRust);

  each(cluster, "E20 a node answers a request to publish that is not valid with an error", async (scene) => {
    const invalid = [{ event: "" }, { event: "news", namespace: "nobody knows" }, { event: "news", room: "a", socketId: "b" }];
    for (const message of invalid) {
      const answer = scene.here.tell("publish", { message: { data: [], ...message } });
      same(await answer.then(() => "published", () => "refused"), "refused", JSON.stringify(message));
    }
    await until(async () => (await scene.here.tell("servers")) === scene.nodes.length);
  }, inRust);
}

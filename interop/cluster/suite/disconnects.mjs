// Users who are disconnected on all nodes: from a namespace, from all, or with their connections.
import { same } from "../../support/expect.mjs";
import { each, names, reached } from "../support/clusters.mjs";

const ELSEWHERE = "/chat";
/** Where nobody says who he is. */
const UNKNOWN = "/oddities";
const BY_SERVER = "io server disconnect";

export function disconnects(cluster) {
  const acts = (kind) => ({ when: (acting) => acting.kind === kind });
  const mixed = { when: ({ kind, others }) => kind === "node" && others.includes("rust") };

  each(cluster, "F20 users are disconnected from one namespace on all nodes, and stay in the others", async (scene) => {
    const { mine, others, users } = await devices(scene);
    await scene.here.tell("disconnect-users", { of: ELSEWHERE, users: [users[0]], close: false });
    for (const device of mine) same(await device.left(ELSEWHERE), BY_SERVER);
    for (const device of mine) await device.isIn("/", UNKNOWN);
    for (const device of others) await device.isIn("/", ELSEWHERE, UNKNOWN);
  }, acts("rust"));

  each(cluster, "F20 users are disconnected from all their namespaces on all nodes, and their connections live on", async (scene) => {
    const { mine, others, users } = await devices(scene);
    await scene.here.tell("disconnect-users", { everywhere: true, users: [users[0], "nobody"], close: false });
    for (const device of mine) {
      for (const of of ["/", ELSEWHERE]) same(await device.left(of), BY_SERVER);
      await device.isIn(UNKNOWN);
      // It is the connection that goes on, over which they may come back.
      await (await device.peer.open("/odd**").connected()).call("ack");
    }
    for (const device of others) await device.isIn("/", ELSEWHERE, UNKNOWN);
  }, acts("rust"));

  for (const [where, command] of [
    ["in one namespace", { of: ELSEWHERE }],
    ["in all namespaces", { everywhere: true }],
  ]) {
    each(cluster, `F20 users are disconnected with their connections on all nodes, wherever else these are [${where}]`, async (scene) => {
      const { mine, others, users } = await devices(scene, ["client2"]);
      await scene.here.tell("disconnect-users", { ...command, users: [users[0], users[0]], close: true });
      await areCutOff(mine);
      for (const device of others) await device.isIn("/", ELSEWHERE, UNKNOWN);
      // It keeps nobody from coming back.
      for (const on of scene.nodes) same(await (await scene.peer(on)).call("ack", "back"), ["back"]);
    }, acts("rust"));
  }

  each(cluster, "F20 another program disconnects users with their connections by the name of a user's room", async (scene) => {
    const { mine, others, users } = await devices(scene, ["client2"]);
    await scene.here.tell("disconnect", { of: ELSEWHERE, to: [`$user:${users[0]}`], close: true });
    await areCutOff(mine);
    for (const device of others) await device.isIn("/", ELSEWHERE, UNKNOWN);
  }, mixed);
}

/** Node's servers know users as rooms. */
const toUser = (node, of, user, event) =>
  node.kind === "node" ? node.tell("emit", { of, to: [`$user:${user}`], ...event }) : node.tell("users", { of, users: [user], ...event });

async function areCutOff(devices) {
  for (const device of devices) {
    await device.closed;
    for (const of of ["/", ELSEWHERE, UNKNOWN]) same(await device.left(of), BY_SERVER, of);
  }
}

/** Two users on each node, the first of them also with `clients` of another; all are known to all nodes. */
async function devices(scene, clients = []) {
  const users = names("ada", "eve");
  const places = [...scene.nodes.map((on) => [on]), ...clients.map((client) => [scene.there, client])];
  const [mine, others] = await Promise.all([
    Promise.all(places.map(([on, client]) => Device.of(scene, on, users[0], client))),
    Promise.all(scene.nodes.map((on) => Device.of(scene, on, users[1]))),
  ]);
  return { mine, others, users };
}

/** A connection whose user is known in two of its namespaces. */
class Device {
  static async of(scene, on, user, client) {
    const peer = await scene.peer(on, { client });
    const device = Object.assign(new Device(), { peer, in: new Map([["/", peer]]), reasons: new Map() });
    for (const of of [ELSEWHERE, UNKNOWN]) device.in.set(of, await peer.open(of).connected());
    for (const of of ["/", ELSEWHERE]) {
      await device.in.get(of).call("login", user);
      await reached(device.in.get(of), scene.nodes, of, [user], toUser);
    }
    for (const [of, { socket }] of device.in) {
      device.reasons.set(of, new Promise((resolve) => socket.once("disconnect", resolve)));
    }
    device.closed = new Promise((resolve) => peer.manager.engine.once("close", resolve));
    return device;
  }

  /** Why it is no more in a namespace, once that is so. */
  left(of) {
    return this.reasons.get(of);
  }

  async isIn(...namespaces) {
    for (const of of namespaces) same(await this.in.get(of).call("ack", "alive"), ["alive"], of);
  }
}

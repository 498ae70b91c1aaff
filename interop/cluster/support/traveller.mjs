// A client that comes back at another node.
import { context } from "../../support/clients.mjs";
import { front } from "../../support/front.mjs";
import { until } from "./clusters.mjs";

/** A client that comes by way of a balancer: first here, and afterwards there. */
export async function traveller(t, here, there) {
  let node = here;
  const peer = await context(t, await front(t, () => node)).connect("/");
  const drop = async () => {
    const gone = new Promise((resolve) => peer.socket.once("disconnect", resolve));
    peer.manager.engine.close();
    await gone;
  };
  return {
    peer,
    at: () => node,
    drop,
    /** Loses the connection, and waits until the node knows. */
    async leave() {
      const { id } = peer;
      await drop();
      await until(async () => (await node.tell("count", { to: [id] })) === 0);
    },
    async back(other = there) {
      node = other;
      const back = new Promise((resolve) => peer.socket.once("connect", resolve));
      peer.socket.connect();
      await back;
    },
  };
}

/** Whether the client says so, and its node. */
export const recovered = async (peer) => [peer.socket.recovered, (await peer.call("who"))[0].recovered];

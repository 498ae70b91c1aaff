// Events between the programs of the nodes.
import assert from "node:assert/strict";
import { same } from "../../support/expect.mjs";
import { each, names, sameSet, until } from "../support/clusters.mjs";

const BYTES = Buffer.from([9, 0, 255]);
const LONG = 8000;
const SHORT = 600;

export function programs(cluster) {
  // Node's classic adapter sends these as JSON, in which binary is lost.
  const binary = cluster.adapter !== "classic";

  each(cluster, "an event for the other programs is heard by each of them once, and not by its own", async (scene) => {
    const [mark] = names("mark");
    const args = [mark, { list: [1, null, "ä"] }, 2 ** 40, ...(binary ? [BYTES] : [])];
    await scene.here.tell("server-emit", { event: "note", args });
    const heard = (node) => node.heard.filter(({ of, args }) => of === "/" && args[0] === mark).map(({ args }) => args);
    for (const other of scene.others) same(await until(() => heard(other).length > 0 && heard(other)), [args]);
    // By now another one would have come, too.
    await scene.here.tell("server-ask", { event: "same", args: [1], timeout: LONG });
    for (const other of scene.others) same(heard(other).length, 1);
    same(heard(scene.here), []);
  });

  each(cluster, "events for programs are of one namespace", async (scene) => {
    const [mark] = names("mark");
    await scene.here.tell("server-emit", { of: "/chat", event: "note", args: [mark] });
    await until(() => scene.there.heard.some(({ args }) => args[0] === mark));
    same(scene.there.heard.filter(({ args }) => args[0] === mark).map(({ of }) => of), ["/chat"]);
  });

  each(cluster, "every other program answers", async (scene) => {
    const answer = await scene.here.tell("server-ask", { event: "add", args: [10], timeout: LONG });
    sameSet(answer.answers, scene.others.map(({ number }) => 10 + number));
    assert.equal(answer.complete, true);
  });

  each(cluster, "an answer of a program can be any value", async (scene) => {
    for (const value of [0, "ä", null, [], { a: [1] }, 2 ** 60, ...(binary ? [BYTES, { deep: [BYTES] }] : [])]) {
      const answer = await scene.here.tell("server-ask", { event: "same", args: [value], timeout: LONG });
      same(answer, { answers: scene.others.map(() => value), complete: true, missing: 0 });
    }
  });

  each(cluster, "a question to programs whose time is up has the answers there are", async (scene) => {
    const answering = scene.others.slice(1).map(({ number }) => number);
    const command = { event: "some", args: [answering, "answer"], timeout: SHORT };
    const answer = await scene.here.tell("server-ask", command);
    same([answer.answers, answer.complete], [answering.map(() => "answer"), false]);
    if (answer.missing !== null) assert.equal(answer.missing, 1);
  });

  each(cluster, "a node knows how many there are of each namespace", async (scene) => {
    for (const of of ["/", "/chat"]) same(await scene.here.tell("servers", { of }), scene.nodes.length);
  });
}

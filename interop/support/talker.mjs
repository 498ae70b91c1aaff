// Clients that number what they tell the server (the event `record` of CONTRACT.md), and the file that nodes write it to.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file for the option `record`; `lines()` gives what is in it. */
export function record(t) {
  const folder = mkdtempSync(join(tmpdir(), "record-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "record");
  writeFileSync(file, "");
  const lines = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
  return { file, lines };
}

/** Tells one number after the other until `stop`; what a lost connection leaves unanswered is not told again. */
export class Talker {
  /** `pace`: how long to wait after an answer, in ms. */
  constructor(peer, name, pace = 200) {
    Object.assign(this, { peer, name, pace, acknowledged: [], told: 0, going: true, waiting: [] });
    this.done = this.talk();
  }

  async talk() {
    const { socket } = this.peer;
    while (this.going) {
      if (!socket.connected) await new Promise((resolve) => socket.once("connect", resolve));
      const number = ++this.told;
      let lost;
      await new Promise((resolve) => {
        lost = resolve;
        socket.once("disconnect", lost);
        socket.emit("record", this.name, number, (...answer) => {
          assert.deepEqual(answer, []);
          this.acknowledged.push(number);
          this.waiting.splice(0).forEach((wake) => wake());
          resolve();
        });
      });
      socket.off("disconnect", lost);
      await new Promise((resolve) => setTimeout(resolve, this.pace));
    }
  }

  /** Waits for the next acknowledgement. */
  answered() {
    return new Promise((wake) => this.waiting.push(wake));
  }

  async stop() {
    this.going = false;
    await this.done;
  }
}

/** Whether every acknowledged number stands in the record, and none twice. Gives how many numbers each
 * node wrote, and how many of all were not answered. */
export function judge(lines, talkers) {
  const recorded = new Map(talkers.map(({ name }) => [name, new Set()]));
  const nodes = {};
  for (const line of lines) {
    const [node, name, number] = line.split(" ");
    const numbers = recorded.get(name);
    assert.ok(!numbers.has(Number(number)), `twice in the record: ${line}`);
    numbers.add(Number(number));
    nodes[node] = (nodes[node] ?? 0) + 1;
  }
  let unanswered = 0;
  for (const { name, acknowledged } of talkers) {
    assert.ok(acknowledged.length > 0, `${name} was never answered`);
    for (const number of acknowledged) assert.ok(recorded.get(name).has(number), `acknowledged and lost: ${name} ${number}`);
    unanswered += recorded.get(name).size - acknowledged.length;
  }
  return { nodes, unanswered };
}

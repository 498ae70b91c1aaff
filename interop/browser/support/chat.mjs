// The chat: its server, and what its users do and see.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { open } from "./browser.mjs";

const COMMAND = process.env.CHAT_CMD || "cargo run --quiet --example chat";
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A server that can die and return at the same address. */
export class Chat {
  #child;
  port = 0;

  static async start(t, settings) {
    const chat = new Chat();
    t.after(() => chat.kill());
    await chat.start(settings);
    return chat;
  }

  async start({ pingInterval, pingTimeout } = {}) {
    const env = { ...process.env, PORT: this.port };
    if (pingInterval) env.CHAT_PING_INTERVAL_MS = pingInterval;
    if (pingTimeout) env.CHAT_PING_TIMEOUT_MS = pingTimeout;
    const [program, ...words] = COMMAND.split(/\s+/).filter(Boolean);
    const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "inherit"] });
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    const first = await Promise.race([once(lines, "line"), once(child, "exit"), once(child, "error")]);
    const found = /^listening on http:\/\/localhost:(\d+)$/.exec(first[0]);
    if (!found) throw new Error(`\`${COMMAND}\` did not start: ${first[0]}`);
    this.port = Number(found[1]);
  }

  async kill() {
    if (!running.has(this.#child)) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  /** Stops without a word, as a machine does that is cut off. */
  freeze() {
    this.#child.kill("SIGSTOP");
  }

  thaw() {
    this.#child.kill("SIGCONT");
  }

  /** A user who has entered, by one transport only where one is named. */
  async enter(t, name, { transport } = {}) {
    const page = await open(t);
    await page.goto(`http://127.0.0.1:${this.port}/${transport ? `?transport=${transport}` : ""}`);
    const user = new User(page);
    await user.the("name-input").fill(name);
    await user.the("enter").click();
    await user.the("online-item").first().waitFor();
    await user.status("connected", transport ?? "websocket");
    return user;
  }
}

export class User {
  constructor(page) {
    this.page = page;
  }

  /** What the page calls by this name, with this text in it if one is given. */
  the(name, hasText) {
    return this.page.getByTestId(name).filter({ hasText });
  }

  room(name) {
    return this.page.locator(`[data-room="${name}"]`);
  }

  /** Messages in one state: `pending`, `sent` or `failed`. */
  messages(state, hasText) {
    return this.page.locator(`[data-testid=message][data-state=${state}]`).filter({ hasText });
  }

  async say(text) {
    await this.the("message-input").fill(text);
    await this.the("send").click();
  }

  /** Waits until the message stands there, once. */
  async sees(text) {
    await this.page.waitForFunction((text) => {
      const texts = [...document.querySelectorAll("[data-testid=message-text]")].map((element) => element.textContent);
      return texts.filter((shown) => shown === text).length === 1;
    }, text);
  }

  async status(state, transport) {
    const by = transport ? `[data-transport=${transport}]` : "";
    await this.page.locator(`[data-testid=status][data-state=${state}]${by}`).waitFor();
  }

  /** Waits until the newest message is at the lower edge of the window. */
  async atEnd() {
    await this.page.waitForFunction(() => {
      const { scrollHeight, scrollTop, clientHeight } = document.getElementById("scroller");
      return scrollHeight - scrollTop - clientHeight < 3;
    });
  }
}

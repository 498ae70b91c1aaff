// Headless Chromium, one for all tests of a file; every test opens windows of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

const INTEROP = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SCREENSHOTS = process.env.SCREENSHOTS || join(INTEROP, "../target/screenshots");
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const DEADLINE = 20_000;

/** A window of a profile of its own. What goes wrong in its page fails the test. */
export async function open(t, { viewport = { width: 1280, height: 800 } } = {}) {
  const context = await browser.newContext({ viewport });
  context.setDefaultTimeout(DEADLINE);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.stack));
  page.on("console", (message) => message.type() === "error" && !expected(message) && problems.push(message.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });
  return page;
}

/** Keeps a picture of the window, for people to look at. */
export async function picture(page, name) {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled" });
}

/** That a server is away or a file is missing is no fault of the page. */
function expected(message) {
  return /Failed to load resource|WebSocket connection|ERR_/.test(message.text());
}

let browser;
before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM || which("chromium"), args: ARGS });
});
after(() => browser?.close());

function which(program) {
  return execFileSync("which", [program], { encoding: "utf8" }).trim();
}

// The chat of the example `cluster` in a browser: two nodes behind nginx, with Redis between them.
import { test } from "node:test";
import { picture } from "./support/browser.mjs";
import { Chats } from "./support/chats.mjs";

test("people at two nodes talk to each other, and one node may end", { timeout: 90_000 }, async (t) => {
  const chats = await Chats.start(t);
  const ada = await chats.enter(t, "Ada", "a");
  await ada.say("is anybody there?");
  const grace = await chats.enter(t, "Grace", "b");
  // What was said at another node is known here, and so are the people.
  await grace.sees("is anybody there?");
  await grace.the("online-item").nth(1).waitFor();
  await ada.the("online-item").nth(1).waitFor();
  await grace.say("yes, at another node");
  await ada.sees("yes, at another node");
  await grace.the("message-input").pressSequentially("…");
  await ada.the("typing", "Grace is typing…").waitFor();
  await picture(ada.page, "cluster");

  await chats.end("a");
  await ada.page.waitForFunction(() => document.querySelector("[data-testid=status]").dataset.state !== "connected");
  await ada.status("connected", "websocket");
  await grace.say("are you still there?");
  await ada.sees("are you still there?");
  await ada.say("at your node now");
  await grace.sees("at your node now");
});

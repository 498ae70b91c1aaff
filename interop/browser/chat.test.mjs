// The chat example in a browser. `CHAT_CMD` starts its server, which takes its port from `PORT`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { picture } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";

const scene = (name, body) => test(name, { timeout: 90_000 }, body);

scene("two windows talk to each other, by WebSocket after the upgrade", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada Lovelace");
  await ada.the("empty", "No messages yet").waitFor();
  const grace = await chat.enter(t, "Grace");
  await ada.the("online-item").nth(1).waitFor();

  await ada.say("hello");
  await grace.sees("hello");
  await grace.say("hi <b>you</b>");
  await ada.sees("hi <b>you</b>");
  await ada.messages("sent", "hello").waitFor();
  assert.equal(await ada.page.locator("[data-testid=message][data-own=true]").count(), 1);
  await picture(ada.page, "chat");
});

scene("a window that only polls and one that never polls talk to each other", async (t) => {
  const chat = await Chat.start(t);
  const linus = await chat.enter(t, "Linus", { transport: "polling" });
  const wanda = await chat.enter(t, "Wanda", { transport: "websocket" });

  await linus.say("by polling");
  await wanda.sees("by polling");
  await wanda.say("by websocket");
  await linus.sees("by websocket");
  await linus.status("connected", "polling");
});

scene("who is typing is shown, and that they stopped", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada");
  const grace = await chat.enter(t, "Grace");
  const linus = await chat.enter(t, "Linus", { transport: "polling" });

  await grace.the("message-input").pressSequentially("I am");
  await ada.the("typing", "Grace is typing…").waitFor();
  await linus.the("message-input").pressSequentially("me too");
  await ada.the("typing", "Grace and Linus are typing…").waitFor();
  await picture(ada.page, "typing");
  await grace.the("message-input").fill("");
  await linus.the("message-input").fill("");
  await ada.the("typing", /^$/).waitFor({ state: "attached" });
});

scene("rooms have members, unread messages and a history; names can change", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada");
  const wanda = await chat.enter(t, "Wanda");
  await wanda.say("hello");
  await ada.sees("hello");
  await ada.say("hello yourself");

  await wanda.the("room-input").fill("# new room ✨");
  await wanda.the("room-create").click();
  await wanda.the("room-name", "new room ✨").waitFor();
  await wanda.say("first!");
  await wanda.messages("sent", "first!").waitFor();
  await ada.room("new room ✨").getByTestId("unread").filter({ hasText: "1" }).waitFor();
  await ada.the("system-line", "Wanda left").waitFor();
  await ada.room("new room ✨").click();
  await ada.sees("first!");
  await ada.say("second");
  await wanda.sees("second");
  await ada.page.goBack();
  await ada.sees("hello");

  await wanda.the("rename").click();
  await wanda.the("rename-input").fill("Wanda II");
  await wanda.the("rename-save").click();
  await wanda.the("my-name", "Wanda II").waitFor();
  await wanda.room("general").click();
  await ada.the("online-item", "Wanda II").waitFor();
  await picture(ada.page, "rooms");

  await ada.page.reload();
  await ada.sees("hello");
  await ada.sees("hello yourself");
  assert.equal(await ada.page.locator("[data-testid=message][data-own=true]").count(), 1);
});

scene("the server dies and returns: what was written meanwhile arrives, once and in order", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada");
  const grace = await chat.enter(t, "Grace");
  const linus = await chat.enter(t, "Linus", { transport: "polling" });
  const wanda = await chat.enter(t, "Wanda", { transport: "websocket" });
  const everybody = [ada, grace, linus, wanda];
  await ada.say("before");
  for (const user of everybody) await user.sees("before");

  await chat.kill();
  for (const user of everybody) await user.status("lost");
  await ada.the("banner", /Connection lost, trying again in \d+ s…/).waitFor();
  await ada.say("written while away 1");
  await ada.say("written while away 2");
  await ada.room("random").click();
  await ada.say("in random, while away");
  await ada.room("general").click();
  await ada.messages("pending").nth(1).waitFor();
  await picture(ada.page, "lost");
  await grace.page.setViewportSize({ width: 390, height: 844 });
  await grace.say("me too");
  await picture(grace.page, "lost-phone");

  await chat.start();
  for (const user of everybody) await user.status("connected");
  for (const user of [grace, linus, wanda]) await user.sees("written while away 2");
  const texts = await linus.the("message-text").allTextContents();
  assert.ok(texts.indexOf("written while away 1") < texts.indexOf("written while away 2"), texts.join("; "));
  await linus.sees("me too");
  await linus.room("random").click();
  await linus.sees("in random, while away");
  await ada.messages("pending").first().waitFor({ state: "detached" });
  await picture(ada.page, "regained");
});

scene("a user who wants it back at once tries again, and reads that it is back", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada");
  await chat.kill();
  await ada.status("lost");
  await chat.start();
  // It may return by itself in the meantime.
  await ada.the("retry").click({ timeout: 2000 }).catch(() => {});
  await ada.the("banner", "Connection regained").waitFor();
  await ada.status("connected", "websocket");
});

scene("heartbeats keep a connection, and tell when the server falls silent", async (t) => {
  const chat = await Chat.start(t, { pingInterval: 300, pingTimeout: 200 });
  const ada = await chat.enter(t, "Ada");
  const linus = await chat.enter(t, "Linus", { transport: "polling" });
  // Each ping ends a poll. Four of them take longer than a silent server would be believed.
  const isPoll = (response) => response.url().includes("transport=polling") && response.request().method() === "GET";
  for (let poll = 0; poll < 4; poll++) await linus.page.waitForResponse(isPoll);
  await linus.status("connected", "polling");
  await ada.status("connected", "websocket");

  chat.freeze();
  await ada.status("lost");
  await linus.status("lost");
  chat.thaw();
  await ada.status("connected", "websocket");
  await linus.status("connected", "polling");
});

scene("the newest message stays in sight, unless the user looks at older ones", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada");
  const grace = await chat.enter(t, "Grace");
  for (let line = 0; line < 40; line++) {
    await grace.the("message-input").fill(`line ${line}`);
    await grace.the("message-input").press("Enter");
  }
  await ada.sees("line 39");
  await ada.atEnd();

  await ada.page.locator("#scroller").hover();
  await ada.page.mouse.wheel(0, -800);
  await ada.page.waitForFunction(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.getElementById("scroller");
    return scrollHeight - scrollTop - clientHeight > 300;
  });
  await grace.say("out of sight");
  await ada.the("jump", "1 new message").waitFor();
  await picture(ada.page, "jump");
  await ada.the("jump").click();
  await ada.atEnd();
  await ada.page.setViewportSize({ width: 800, height: 500 });
  await ada.atEnd();
  await ada.the("jump").waitFor({ state: "hidden" });
});

scene("the page's client keeps to the server's limit, and reads its refusals", async (t) => {
  const chat = await Chat.start(t);
  const ada = await chat.enter(t, "Ada");
  const { early, answers, blank } = await ada.page.evaluate(async () => {
    const { Socket } = await import("/socket.js");
    const socket = new Socket({ transport: "polling" });
    socket.connect();
    const early = await socket.emitWithAck("message", "said before joining");
    await socket.emitWithAck("join", { room: "bulk", name: "Bulk" });
    // 370 KB at once, where one request may bring 100 KB.
    const texts = Array.from({ length: 99 }, (_, number) => "é".repeat(1900) + number);
    const answers = await Promise.all(texts.map((text) => socket.emitWithAck("message", text)));
    const blank = await socket.emitWithAck("message", "   ");
    socket.close();
    return { early, answers, blank };
  });
  assert.match(early.error.message, /join a room/i);
  assert.equal(answers.filter(({ id }) => id).length, 99);
  assert.match(blank.error.message, /1 to 2000/);
});

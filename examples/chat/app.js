// The page of `cargo run --example chat`. With `?transport=polling` or `?transport=websocket` behind its address it keeps
// to that transport. What the page and the server say to each other:
//
//   to the server   value           answer
//   join            {room, name}    {room, members: [{id, name}], history: [{id, author, text, at}]}
//                                   leaves the room before; in the same room it only takes the name
//   message         text            {id, at}
//   typing          true | false    none
//   rename          name            nothing, once done
//
//   to the page     value                                to whom
//   rooms           [{name, members}]                    everybody, on connecting and at every change
//   message         {id, room, author, from, text, at}   the others in the room; `from` is a socket's id
//   typing          {id, name, typing}                   the others in the room
//   joined, left    {id, name}                           the others in the room
//   renamed         {id, name}                           the room
//   activity        room                                 everybody outside a room in which something was said
//
// `members` are the people of a room, ourselves among them, and in `rooms` their number. `at` is in milliseconds since
// 1970. A message's `id` need only be unique together with `at`. The history holds the last 50 messages, oldest first.
// In place of an answer there may come {error: {message}}, which the user gets to read as it stands.

import { Socket } from "./socket.js";

const HOME = "general"; // the room of those who did not choose one
const SHOWN_LINES = 500; // how many lines of a room are kept
const TYPING_MILLIS = 3000; // how often "typing" is said again, and the pause after which it is taken back
const TYPING_BELIEVED_MILLIS = 8000; // how long somebody else's "typing" holds
const GROUP_MILLIS = 5 * 60_000; // messages of one author within this time stand together

const $ = (id) => document.getElementById(id);
const copyOf = (template) => $(template).content.firstElementChild.cloneNode(true);
const keyOf = ({ id, at }) => `${id} ${at}`;

/** The server said no, and why. */
class Refusal extends Error {}

// --- State

let myName = localStorage.getItem("chat.name") ?? "";
let current = roomInAddress(); // the room on the screen
let joined = null; // the room the server has us in; null while away or on the way
let lastJoined = null;
const rooms = new Map(); // name → { name, lines, known, unread, members }
const members = new Map(); // id → name, of those in the current room
const typists = new Map(); // id → { name, timer }, likewise
const ownMessages = new Set(JSON.parse(sessionStorage.getItem("chat.own") ?? "[]")); // survives a reload

const socket = new Socket({ transport: new URLSearchParams(location.search).get("transport"), onStatus: showStatus });

function roomOf(name) {
  if (!rooms.has(name)) rooms.set(name, { name, lines: [], known: new Set(), unread: 0, members: 0 });
  return rooms.get(name);
}

function roomInAddress() {
  try {
    return cleanRoomName(decodeURIComponent(location.hash)) || HOME;
  } catch {
    return HOME;
  }
}

function cleanRoomName(text) {
  return text.replace(/^[#\s]+/, "").replace(/\s+/g, " ").slice(0, 32).trim();
}

// --- Entering rooms

async function ask(event, ...values) {
  const answer = await socket.emitWithAck(event, ...values);
  if (answer?.error) throw new Refusal(answer.error.message);
  return answer;
}

/** Enters the current room, and says there what has been waiting. */
async function enter() {
  try {
    await drain(); // what was written in the room before goes out before we leave it
    if (joined !== current) await join(current);
    await drain();
  } catch (error) {
    if (error instanceof Refusal) return refused(error.message);
    if (!socket.connected) return; // "connect" will enter again
    toast("The server did not answer. Trying again…");
    setTimeout(enter, 2000);
  }
}

let joins = 0;
async function join(name) {
  const number = ++joins;
  joined = null;
  const answer = await ask("join", { room: name, name: myName });
  if (number !== joins) return; // the user has already gone elsewhere
  joined = lastJoined = name;
  mergeHistory(roomOf(name), answer.history);
  if (name !== current) return;
  members.clear();
  for (const { id, name } of answer.members) members.set(id, name);
  showRoom();
}

function refused(message) {
  const back = lastJoined;
  lastJoined = null; // should that be refused too
  if (!back || back === current) return showWelcome(message);
  go(back);
  toast(message);
}

socket.on("connect", async () => {
  if (!myName) return;
  const isWaiting = ({ name, lines }) => name !== current && lines.some(({ state }) => state === "pending");
  try {
    for (const { name } of [...rooms.values()].filter(isWaiting)) {
      await join(name);
      await drain();
    }
  } catch {
    // Lost again, or no longer welcome in that room. Its messages go on waiting.
  }
  if (socket.connected) enter();
});

socket.on("disconnect", () => {
  joined = null;
  for (const id of typists.keys()) forgetTypist(id);
  for (const line of roomOf(current).lines) showState(line);
});

/**
 * Adds what was said while we did not listen. A message of ours whose answer got lost may be among it: that one has
 * arrived and must not be sent a second time.
 */
function mergeHistory(room, history) {
  const unsure = room.lines.filter(({ state, tried }) => state === "pending" && tried);
  const missed = [];
  for (const line of history) {
    if (room.known.has(keyOf(line))) continue;
    room.known.add(keyOf(line));
    const ours = unsure.findIndex(({ author, text }) => author === line.author && text === line.text);
    if (ours >= 0) confirm(unsure.splice(ours, 1)[0], line);
    else missed.push({ ...line, own: ownMessages.has(keyOf(line)), state: "sent" });
  }
  // Lines that ran ahead of the history are newer than it, and what waits is newer than everything.
  const age = ({ state, early }) => (state === "pending" || state === "failed" ? 2 : early ? 1 : 0);
  const aged = (wanted) => room.lines.filter((line) => age(line) === wanted);
  room.lines = [...aged(0), ...missed, ...aged(1), ...aged(2)].slice(-SHOWN_LINES);
  for (const line of room.lines) delete line.early;
  room.unread = 0;
}

// --- Saying something

function say(text) {
  addLine(roomOf(current), { author: myName, text, at: Date.now(), own: true, state: "pending" });
  scrollToEnd();
  drain();
}

/** Sends what waits in the joined room, one message after the other, which keeps their order. */
let draining = null;
function drain() {
  const next = () => joined && roomOf(joined).lines.find(({ state }) => state === "pending");
  const run = async () => {
    for (let line = next(); line; line = next()) await deliver(line, roomOf(joined));
  };
  return (draining ??= run().finally(() => (draining = null)));
}

async function deliver(line, room) {
  line.tried = true;
  try {
    confirm(line, await ask("message", line.text));
    room.known.add(keyOf(line));
  } catch (error) {
    if (!socket.connected) return; // it goes on waiting; the next history tells whether it arrived
    line.state = "failed";
    line.problem = error instanceof Refusal ? error.message : "The server did not confirm this.";
  }
  showState(line);
}

function confirm(line, { id, at }) {
  Object.assign(line, { id, at, state: "sent" });
  ownMessages.add(keyOf(line));
  sessionStorage.setItem("chat.own", JSON.stringify([...ownMessages].slice(-200)));
}

let typingSaid = 0;
let typingPause = 0;
function startTyping() {
  clearTimeout(typingPause);
  typingPause = setTimeout(stopTyping, TYPING_MILLIS);
  if (!joined || Date.now() - typingSaid < TYPING_MILLIS) return;
  typingSaid = Date.now();
  socket.emit("typing", true);
}

function stopTyping() {
  clearTimeout(typingPause);
  if (joined && typingSaid) socket.emit("typing", false);
  typingSaid = 0;
}

// --- Hearing from the others

socket.on("message", ({ id, room: name = joined, author, from, text, at }) => {
  const room = roomOf(name);
  if (from === socket.id || room.known.has(keyOf({ id, at }))) return;
  room.known.add(keyOf({ id, at }));
  forgetTypist(from);
  addLine(room, { id, author, text, at, own: false, state: "sent", early: name !== joined });
});

socket.on("joined", ({ id, name }) => {
  if (!joined || id === socket.id) return;
  members.set(id, name);
  addLine(roomOf(joined), { name, event: "joined", at: Date.now() });
  showPeople();
});

socket.on("left", ({ id, name }) => {
  if (!joined || !members.delete(id)) return;
  forgetTypist(id);
  addLine(roomOf(joined), { name, event: "left", at: Date.now() });
  showPeople();
});

socket.on("renamed", ({ id, name }) => {
  const before = members.get(id);
  if (!joined || !before || before === name) return;
  members.set(id, name);
  addLine(roomOf(joined), { name: before, event: "is now", newName: name, at: Date.now() });
  showPeople();
});

socket.on("typing", ({ id, name, typing }) => {
  forgetTypist(id);
  if (!joined || !typing) return;
  typists.set(id, { name, timer: setTimeout(forgetTypist, TYPING_BELIEVED_MILLIS, id) });
  showTypists();
});

function forgetTypist(id) {
  clearTimeout(typists.get(id)?.timer);
  if (typists.delete(id)) showTypists();
}

socket.on("rooms", (list) => {
  for (const room of rooms.values()) room.members = 0;
  for (const { name, members } of list) roomOf(name).members = members;
  for (const { name } of [...rooms.values()].filter(isForgotten)) rooms.delete(name);
  showRooms();

  function isForgotten({ name, lines }) {
    return name !== current && lines.length === 0 && !list.some((room) => room.name === name);
  }
});

socket.on("activity", (name) => {
  if (name === joined) return;
  roomOf(name).unread++;
  showRooms();
});

// --- What the user does

/** Shows a room and enters it. While away one may look and write all the same: that waits for the connection. */
function go(name) {
  stopTyping();
  closePanel();
  if (name !== current) {
    current = name;
    members.clear();
    for (const id of typists.keys()) forgetTypist(id);
    if (roomInAddress() !== name) location.hash = encodeURIComponent(name);
    showRoom();
    scrollToEnd();
  }
  if (socket.connected && joined !== name) enter();
  focusComposer();
}

/** Not where that would bring up a keyboard nobody asked for. */
function focusComposer() {
  if (matchMedia("(hover: hover)").matches) $("message").focus();
}

function setName(name) {
  myName = name;
  localStorage.setItem("chat.name", name);
  if (members.has(socket.id)) members.set(socket.id, name);
  showPeople();
}

$("welcome-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  if (!name) return showWelcome("Please type a name.");
  setName(name);
  showChat();
  focusComposer();
  if (socket.connected) enter();
});

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("message").value.trim();
  if (!text) return;
  $("message").value = "";
  fitComposer();
  stopTyping();
  say(text);
  $("message").focus();
});

$("message").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});

$("message").addEventListener("input", () => {
  fitComposer();
  if ($("message").value.trim()) startTyping();
  else stopTyping();
});

$("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = cleanRoomName($("new-room").value);
  $("new-room").value = "";
  if (name) go(name);
});

$("rename").addEventListener("click", () => {
  $("rename-error").textContent = "";
  $("new-name").value = myName;
  $("rename-dialog").showModal();
  $("new-name").select();
});

$("rename-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("new-name").value.trim();
  try {
    if (!name) throw new Refusal("Please type a name.");
    if (joined && name !== myName) await ask("rename", name); // while away, the next join brings it
    setName(name);
    $("rename-dialog").close();
  } catch (error) {
    $("rename-error").textContent = error instanceof Refusal ? error.message : "The server did not answer. Please try again.";
  }
});

$("rename-cancel").addEventListener("click", () => $("rename-dialog").close());
$("retry").addEventListener("click", () => socket.connect());
$("jump").addEventListener("click", scrollToEnd);
addEventListener("hashchange", () => ($("chat").hidden ? (current = roomInAddress()) && showWelcome() : go(roomInAddress())));
addEventListener("pagehide", () => socket.close());
addEventListener("pageshow", (event) => event.persisted && socket.connect());

// --- The connection, shown

let away = false; // from a loss until all is well again
let countdown = 0;

function showStatus({ state, transport, retryAt, reason }) {
  clearTimeout(countdown);
  if (state === "waiting" && !away) announce("Connection lost, trying again.");
  const regained = away && state === "connected";
  away = state === "waiting" || (away && state === "connecting");

  const shown = away ? "lost" : state;
  const label = { connecting: "Connecting…", connected: "Connected", lost: "Connection lost", closed: "Disconnected" }[shown];
  for (const element of document.querySelectorAll("[data-status]")) {
    element.dataset.state = shown;
    element.dataset.transport = shown === "connected" ? transport : "";
    element.querySelector(".label").textContent = label;
    element.querySelector(".transport").textContent = element.dataset.transport;
  }
  $("online").classList.toggle("stale", shown !== "connected");

  if (state === "waiting") countDown(retryAt);
  else if (away) showBanner("lost", "Connection lost, trying again now…");
  else if (state === "closed") showBanner("lost", `Disconnected: ${reason}.`, "Connect again");
  else if (regained) showRegained();
  else if ($("banner").dataset.state === "lost") $("banner").hidden = true;
  showEmpty();
}

function countDown(retryAt) {
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
  showBanner("lost", `Connection lost, trying again in ${seconds} s…`, "Try now");
  countdown = setTimeout(countDown, 250, retryAt);
}

function showRegained() {
  announce("Connection regained.");
  showBanner("regained", "Connection regained. You are back.");
  setTimeout(() => $("banner").dataset.state === "regained" && ($("banner").hidden = true), 3000);
}

function showBanner(state, text, button = "") {
  $("banner").hidden = false;
  $("banner").dataset.state = state;
  $("banner-text").textContent = text;
  $("retry").textContent = button;
  $("retry").hidden = !button;
}

/** For those who listen instead of look. */
function announce(text) {
  $("announcer").textContent = text;
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").hidden = true), 5000);
}

// --- The conversation, shown

const elements = new WeakMap(); // line → its element
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const ONLY_EMOJI = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u200d|\ufe0f){1,12}$/u;

function showRoom() {
  const room = roomOf(current);
  const wasAtEnd = atEnd;
  $("room-name").textContent = current;
  $("message").placeholder = `Message #${current}`;
  $("scroller").ariaLive = "off"; // a whole history is not news
  $("log").replaceChildren(...room.lines.flatMap((line, index) => show(line, room.lines[index - 1])));
  requestAnimationFrame(() => ($("scroller").ariaLive = "polite"));
  if (wasAtEnd) scrollToEnd();
  showTitle();
  showEmpty();
  showRooms();
  showPeople();
}

function addLine(room, line) {
  const previous = room.lines.at(-1);
  room.lines.push(line);
  room.lines.splice(0, room.lines.length - SHOWN_LINES);
  if (room.name !== current) return;
  $("log").append(...show(line, previous));
  while ($("log").childElementCount > SHOWN_LINES + 50) $("log").firstElementChild.remove();
  showEmpty();
  if (atEnd) return scrollToEnd();
  below += line.event ? 0 : 1;
  showJump();
}

/** A line's element, after a heading where a new day begins. User text goes in as text, never as HTML. */
function show(line, previous) {
  const newDay = !previous || dayOf(previous) !== dayOf(line);
  const element = line.event ? showEvent(line) : showMessage(line, newDay ? undefined : previous);
  elements.set(line, element);
  return newDay ? [showDay(line), element] : [element];
}

function showMessage(line, previous) {
  const element = copyOf("message-template");
  const part = (name) => element.querySelector(name);
  const follows = previous && !previous.event && previous.author === line.author && previous.own === line.own;
  element.classList.toggle("starts", !follows || line.at - previous.at > GROUP_MILLIS);
  element.classList.toggle("own", line.own);
  element.dataset.own = line.own;
  fillAvatar(part(".avatar"), line.author);
  part(".author").textContent = line.author;
  part(".bubble").textContent = line.text;
  part(".bubble").classList.toggle("emoji", ONLY_EMOJI.test(line.text));
  part(".note button").addEventListener("click", () => {
    line.state = "pending";
    showState(line);
    drain();
  });
  elements.set(line, element);
  showState(line);
  return element;
}

/** What of a message changes: on its way, arrived, or in trouble. */
function showState(line) {
  const element = elements.get(line);
  if (!element || line.event) return;
  const time = element.querySelector("time");
  const waiting = joined ? "Sending…" : "Waiting for the connection";
  element.dataset.state = line.state;
  element.title = new Date(line.at).toLocaleString();
  time.textContent = clock.format(line.at);
  time.dateTime = new Date(line.at).toISOString();
  element.querySelector(".note span").textContent = { pending: waiting, failed: line.problem }[line.state] ?? "";
  element.querySelector(".note button").hidden = line.state !== "failed";
}

function showEvent({ name, event, newName }) {
  const element = copyOf("system-template");
  element.firstElementChild.append(isolated(name), ` ${event} `, newName ? isolated(newName) : "");
  return element;
}

function showDay(line) {
  const element = copyOf("day-template");
  const today = dayOf({ at: Date.now() }) === dayOf(line);
  element.firstElementChild.textContent = today ? "Today" : calendar.format(line.at);
  return element;
}

const dayOf = ({ at }) => new Date(at).toDateString();

function showEmpty() {
  $("empty").hidden = roomOf(current).lines.length > 0;
  const [title, hint] = joined
    ? ["No messages yet", `Say hello: whoever comes to #${current} will read it.`]
    : ["Just a moment…", `The messages of #${current} come with the connection.`];
  $("empty").querySelector(".title").textContent = title;
  $("empty").querySelector(".hint").textContent = hint;
}

// The log keeps to its end, unless the user has scrolled up to read.

let atEnd = true;
let below = 0; // messages that came in out of sight

function scrollToEnd() {
  $("scroller").scrollTop = $("scroller").scrollHeight;
  atEnd = true;
  below = 0;
  showJump();
}

function showJump() {
  $("jump").hidden = atEnd;
  $("jump").lastElementChild.textContent = below ? `${below} new ${below > 1 ? "messages" : "message"}` : "Latest messages";
}

$("scroller").addEventListener("scroll", () => {
  const { scrollHeight, scrollTop, clientHeight } = $("scroller");
  if (sizeOf($("scroller")) !== size) return; // not the user: a change of size, seen below
  atEnd = scrollHeight - scrollTop - clientHeight < 48;
  if (atEnd) below = 0;
  showJump();
});

// The window, a keyboard, the banner or a long message in the making take room or give it back.
let size = "";
const sizeOf = ({ clientWidth, clientHeight }) => `${clientWidth} ${clientHeight}`;
const resizes = new ResizeObserver(() => {
  size = sizeOf($("scroller"));
  if (atEnd) scrollToEnd();
});
resizes.observe($("scroller"));
resizes.observe($("log"));

function fitComposer() {
  const field = $("message");
  document.querySelector(".send").disabled = !field.value.trim();
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

// --- Rooms and people, shown

function showRooms() {
  const list = [...new Set([...rooms.keys(), current])].map(roomOf);
  update($("room-list"), "room-template", list, ({ name }) => name, (item, { name, members, unread }) => {
    const button = item.firstElementChild;
    const people = members === 1 ? "1 person" : `${members} people`;
    button.onclick = () => go(name);
    button.dataset.room = name;
    button.classList.toggle("unread", unread > 0);
    button.ariaLabel = `${name}, ${people}${unread ? `, ${unread} unread` : ""}`;
    button.ariaCurrent = name === current ? "page" : null;
    button.querySelector(".row-name").textContent = name;
    button.querySelector(".badge").textContent = unread > 99 ? "99+" : unread;
    button.querySelector(".badge").hidden = unread === 0;
    button.querySelector(".count").textContent = members || "";
    button.querySelector(".count").title = people;
  });
  $("menu-badge").hidden = !list.some(({ unread }) => unread > 0);
}

function showPeople() {
  const people = [...members].map(([id, name]) => ({ id, name, me: id === socket.id }));
  people.sort((a, b) => b.me - a.me || a.name.localeCompare(b.name));
  update($("online"), "online-template", people, ({ id }) => id, (item, { name, me }) => {
    fillAvatar(item.querySelector(".avatar"), name);
    item.querySelector(".row-name").textContent = name;
    item.querySelector(".hint").textContent = me ? "you" : "";
  });
  $("people-total").textContent = $("people-count").textContent = people.length || "";
  $("alone").hidden = people.length !== 1;
  $("my-name").textContent = myName;
  fillAvatar($("my-avatar"), myName);
}

/** Makes a list show these items, touching only what changed: a focused button stays focused. */
function update(list, template, items, keyOf, fill) {
  const old = new Map([...list.children].map((element) => [element.dataset.key, element]));
  items.forEach((item, index) => {
    const key = keyOf(item);
    const element = old.get(key) ?? copyOf(template);
    old.delete(key);
    element.dataset.key = key;
    fill(element, item);
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
  for (const element of old.values()) element.remove();
}

function showTypists() {
  const names = [...typists.values()].map(({ name }) => name);
  const more = names.length > 3 ? names.splice(2).length : 0;
  const people = [...names.map(isolated), ...(more ? [`${more} others`] : [])];
  const words = document.createElement("span");
  people.forEach((person, index) => {
    words.append(index === 0 ? "" : index === people.length - 1 ? " and " : ", ", person);
  });
  words.append(people.length > 1 ? " are typing…" : " is typing…");
  const dots = document.createElement("span");
  dots.className = "dots";
  dots.append(...Array.from({ length: 3 }, () => document.createElement("i")));
  $("typing").replaceChildren(...(people.length > 0 ? [dots, words] : []));
}

/** A name that keeps its own writing direction. */
function isolated(name) {
  const element = document.createElement("bdi");
  element.textContent = name;
  return element;
}

function fillAvatar(element, name) {
  const words = name.split(/\s+/).filter(Boolean);
  const initials = [words[0], words.length > 1 && words.at(-1)].map((word) => (word ? [...word][0] : ""));
  const hash = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 3600, 7);
  element.textContent = initials.join("").toLocaleUpperCase();
  element.style.setProperty("--hue", hash % 360);
}

// --- The page

function showWelcome(problem = "") {
  $("chat").hidden = true;
  $("welcome").hidden = false;
  $("welcome-room").textContent = `#${current}`;
  $("name-error").textContent = problem;
  $("name").value ||= myName;
  $("name").focus();
}

function showChat() {
  $("welcome").hidden = true;
  $("chat").hidden = false;
  showRoom();
}

function openPanel(name) {
  $("chat").dataset.panel = name;
  $("conversation").inert = true;
  $(`${name}-panel`).querySelector("button[data-close-panel]").focus();
}

function closePanel() {
  const name = $("chat").dataset.panel;
  if (!name) return;
  delete $("chat").dataset.panel;
  $("conversation").inert = false;
  document.querySelector(`[data-open-panel=${name}]`).focus();
}

for (const button of document.querySelectorAll("[data-open-panel]")) button.onclick = () => openPanel(button.dataset.openPanel);
for (const element of document.querySelectorAll("[data-close-panel]")) element.onclick = closePanel;
for (const width of ["46rem", "64rem"]) matchMedia(`(max-width: ${width})`).addEventListener("change", closePanel);
addEventListener("keydown", (event) => event.key === "Escape" && closePanel());

let unseen = 0; // messages that came while the page was in the background
socket.on("message", ({ from }) => {
  if (document.hidden && from !== socket.id) unseen++;
  showTitle();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) unseen = 0;
  showTitle();
});

function showTitle() {
  document.title = `${unseen ? `(${unseen}) ` : ""}#${current} · Chat`;
}

if (myName) showChat();
else showWelcome();
socket.connect();

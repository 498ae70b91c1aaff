// A small Socket.IO client, written from the protocol: Engine.IO 4 below, Socket.IO 5 on top.
//
// An `Engine` is one connection: it opens with HTTP long-polling, moves to a WebSocket when the server offers one,
// answers heartbeats, and ends once. A `Socket` is what an application holds: it turns packets into events and answers,
// keeps what is emitted while away, and comes back by itself. One namespace and text packets are all it speaks.

const SEPARATOR = "\x1e"; // between the packets of one polling body
const HELLO_MILLIS = 10_000; // how long a server may take to open a session
const SLOWEST_RETRY_MILLIS = 10_000;

/** One Engine.IO connection. A packet is text: one digit for its type, then its content. */
class Engine {
  transport = "none"; // then "polling" or "websocket", and "closed" at the end
  #options;
  #sid = "";
  #maxPayload = Infinity;
  #waiting = []; // packets not yet handed to the network
  #posting = null; // the POST under way: there is never more than one
  #webSocket = null;
  #probed = false; // the WebSocket has proved itself, polling is winding down
  #stop = new AbortController();
  #silenceMillis = HELLO_MILLIS;
  #silence = 0;

  constructor(options) {
    this.#options = options;
    this.#heard();
    if (options.only === "websocket") this.#use(new WebSocket(this.#url("websocket")));
    else this.#poll().catch((error) => this.close(error.message));
  }

  send(packet) {
    this.#waiting.push(packet);
    this.#flush();
  }

  close(reason) {
    if (this.transport === "closed") return;
    const polling = this.transport === "polling";
    this.transport = "closed";
    clearTimeout(this.#silence);
    this.#stop.abort();
    this.#webSocket?.close();
    if (polling) fetch(this.#url("polling"), { method: "POST", body: "1", keepalive: true }).catch(() => {});
    this.#options.onClose(reason);
  }

  /** Long-polling: the server holds each GET until it has something to say, and answers with a batch of packets. */
  async #poll() {
    while (this.transport !== "closed") {
      const response = await this.#fetch({ cache: "no-store" });
      for (const packet of (await response.text()).split(SEPARATOR)) this.#receive(packet);
      if (!this.#probed) continue;
      await this.#posting; // nothing may be on its way by HTTP when the WebSocket takes over
      if (this.#webSocket) return this.#finishUpgrade();
      this.#probed = false; // the WebSocket broke in the last moment: polling goes on
      this.#flush();
    }
  }

  /** Upgrade, step 1: open a WebSocket beside the polling and ask through it: "2probe". */
  #startUpgrade() {
    const probe = new WebSocket(this.#url("websocket"));
    probe.onopen = () => probe.send("2probe");
    // Step 2: the server answers "3probe" and releases the parked GET, which leads #poll to #finishUpgrade.
    probe.onmessage = ({ data }) => {
      if (data !== "3probe" || this.transport === "closed") return probe.close();
      this.#webSocket = probe;
      this.#probed = true;
    };
    // A probe that fails costs nothing: the session stays with polling.
    probe.onclose = () => (this.#webSocket = null);
  }

  /** Step 3: "5" moves the session. From here on one packet is one frame. */
  #finishUpgrade() {
    if (this.transport === "closed") return;
    this.#webSocket.send("5");
    this.#use(this.#webSocket);
    this.transport = "websocket";
    this.#options.onUpgrade();
    this.#flush();
  }

  #use(webSocket) {
    this.#webSocket = webSocket;
    webSocket.onmessage = ({ data }) => this.#receive(data);
    webSocket.onclose = () => this.close("the connection broke");
  }

  #receive(packet) {
    if (this.transport === "closed") return;
    this.#heard();
    const content = packet.slice(1);
    if (packet[0] === "0") this.#open(JSON.parse(content));
    else if (packet[0] === "1") this.close("the server closed the connection");
    else if (packet[0] === "2") this.send("3"); // a ping wants its pong
    else if (packet[0] === "4") this.#options.onMessage(content);
    // "6" is a noop: all it does is release a parked GET.
  }

  #open({ sid, upgrades, pingInterval, pingTimeout, maxPayload = Infinity }) {
    this.#sid = sid;
    this.#maxPayload = maxPayload;
    this.#silenceMillis = pingInterval + pingTimeout;
    this.#heard();
    this.transport = this.#webSocket ? "websocket" : "polling";
    this.#options.onOpen();
    if (this.#options.only !== "polling" && upgrades.includes("websocket")) this.#startUpgrade();
  }

  /** Pings come every `pingInterval`; a server silent for `pingTimeout` beyond that is gone, whatever TCP believes. */
  #heard() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.close("the server fell silent"), this.#silenceMillis);
  }

  #flush() {
    if (this.transport === "websocket") {
      for (const packet of this.#waiting.splice(0)) this.#webSocket.send(packet);
    } else if (this.transport === "polling" && this.#waiting.length > 0 && !this.#posting && !this.#probed) {
      this.#posting = this.#fetch({ method: "POST", body: this.#batch() })
        .catch((error) => this.close(error.message))
        .then(() => {
          this.#posting = null;
          this.#flush();
        });
    }
  }

  /** Takes as many waiting packets as one body may carry, at least one. */
  #batch() {
    const bytes = (packet) => new TextEncoder().encode(packet).length + SEPARATOR.length;
    let size = bytes(this.#waiting[0]);
    let count = 1;
    while (count < this.#waiting.length && (size += bytes(this.#waiting[count])) <= this.#maxPayload) count++;
    return this.#waiting.splice(0, count).join(SEPARATOR);
  }

  async #fetch(request) {
    const response = await fetch(this.#url("polling"), { ...request, signal: this.#stop.signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return response;
  }

  #url(transport) {
    const url = new URL(this.#options.path, location.href);
    if (transport === "websocket") url.protocol = url.protocol.replace("http", "ws");
    url.search = new URLSearchParams({ EIO: 4, transport, ...(this.#sid && { sid: this.#sid }) });
    return url;
  }
}

/**
 * A Socket.IO socket. "connect", "disconnect" and "connect_error" tell `on` of its life; every other name is an event of
 * the server. `onStatus` gets `{ state, transport, retryAt, reason }`, where `state` is "connecting", "connected",
 * "waiting" (until `retryAt`) or "closed" (until `connect` is called).
 */
export class Socket {
  id = null;
  connected = false;
  #options = { path: "/socket.io/", transport: null, ackMillis: 10_000, bufferLimit: 100, onStatus: () => {} };
  #listeners = new Map();
  #engine = null;
  #acks = new Map(); // the emits whose answer is still to come, by the number they were sent with
  #nextAck = 0;
  #buffer = []; // what was emitted while away
  #attempts = 0;
  #retry = 0;

  constructor(options) {
    Object.assign(this.#options, options);
  }

  connect() {
    clearTimeout(this.#retry);
    if (this.#engine) return;
    this.#engine = new Engine({
      path: this.#options.path,
      only: this.#options.transport,
      onOpen: () => this.#engine.send("40"), // let me into the main namespace
      onUpgrade: () => this.connected && this.#status("connected"),
      onMessage: (packet) => this.#receive(packet),
      onClose: (reason) => this.#lost(reason),
    });
    this.#status("connecting");
  }

  /** Ends the connection for good. */
  close(reason = "closed by this side") {
    clearTimeout(this.#retry);
    const engine = this.#engine;
    this.#engine = null; // so that #lost knows
    engine?.close(reason);
    this.#away(reason);
    this.#status("closed", { reason });
  }

  on(event, listener) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  /** Emits an event, or keeps it until connected. False means that too much is kept already. */
  emit(event, ...values) {
    return this.#emit({ values: [event, ...values] });
  }

  /** Emits an event and resolves with the server's answer; rejects if none comes in time or the connection is lost. */
  emitWithAck(event, ...values) {
    return new Promise((resolve, reject) => {
      if (!this.#emit({ values: [event, ...values], resolve, reject })) reject(new Error("too much is waiting"));
    });
  }

  #emit(emit) {
    if (this.connected) this.#write(emit);
    else if (this.#buffer.length < this.#options.bufferLimit) this.#buffer.push(emit);
    else return false;
    return true;
  }

  /** "42" is an event; a number before its values asks for an answer, whose clock starts when it is sent. */
  #write({ values, resolve, reject }) {
    const id = resolve ? this.#nextAck++ : "";
    const giveUp = () => this.#acks.delete(id) && reject(new Error("the server did not answer"));
    if (resolve) this.#acks.set(id, { resolve, reject, timer: setTimeout(giveUp, this.#options.ackMillis) });
    this.#engine.send(`42${id}${JSON.stringify(values)}`);
  }

  #receive(packet) {
    const [, type, id, json] = /^(\d)(\d*)(.*)$/s.exec(packet);
    const content = json && JSON.parse(json);
    if (type === "0") this.#accepted(content.sid);
    else if (type === "1") this.close("the server ended the connection"); // it does not want us back
    else if (type === "2") this.#tell(...content);
    else if (type === "3") this.#answered(Number(id), content[0]);
    else if (type === "4") this.#refused(new Error(content.message));
  }

  #accepted(id) {
    this.id = id;
    this.connected = true;
    this.#attempts = 0;
    this.#status("connected");
    this.#tell("connect"); // what listeners emit goes first, what was kept follows
    for (const emit of this.#buffer.splice(0)) this.#write(emit);
  }

  #refused(error) {
    this.#tell("connect_error", error);
    this.close(error.message);
  }

  #answered(id, value) {
    const ack = this.#acks.get(id);
    this.#acks.delete(id);
    clearTimeout(ack?.timer);
    ack?.resolve(value);
  }

  /** Tries again after 1, 2, 4, 8, 10, 10… seconds, each varied by half of it, lest all clients return at once. */
  #lost(reason) {
    if (!this.#engine) return; // it was us
    this.#engine = null;
    this.#away(reason);
    const delay = Math.min(1000 * 2 ** this.#attempts++, SLOWEST_RETRY_MILLIS) * (0.5 + Math.random());
    this.#retry = setTimeout(() => this.connect(), delay);
    this.#status("waiting", { reason, retryAt: Date.now() + delay });
  }

  /** Emits under way may or may not have arrived. Only their caller can tell, so they fail and are not sent again. */
  #away(reason) {
    for (const { reject, timer } of this.#acks.values()) {
      clearTimeout(timer);
      reject(new Error("the connection was lost"));
    }
    this.#acks.clear();
    if (!this.connected) return;
    this.connected = false;
    this.#tell("disconnect", reason);
  }

  #status(state, more) {
    this.#options.onStatus({ state, transport: this.#engine?.transport, ...more });
  }

  /** A listener that throws is its own trouble, never the connection's. */
  #tell(event, ...values) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(...values);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

// Requests and frames as bytes, for what no client would send.
import { once } from "node:events";
import { WebSocket } from "ws";

const address = (server, query) => `${server.url}${server.path}/?${new URLSearchParams(query)}`;

/** A request with the query's parameters; `EIO` and `transport` are given like any other. */
export async function request(server, query, { path, ...init } = {}) {
  const url = path === undefined ? address(server, query) : `${server.url}${path}?${new URLSearchParams(query)}`;
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** A session over polling that does only what it is told. */
export class Polling {
  static async open(server, { eio = 4 } = {}) {
    const handshake = await request(server, { EIO: eio, transport: "polling" });
    const session = new Polling();
    session.handshake = JSON.parse(handshake.body.slice(handshake.body.indexOf("{"), handshake.body.indexOf("}") + 1));
    session.query = { EIO: eio, transport: "polling", sid: session.handshake.sid };
    return Object.assign(session, { server, sid: session.handshake.sid });
  }

  get(init) {
    return request(this.server, this.query, init);
  }

  post(body, init) {
    return request(this.server, this.query, { method: "POST", body, ...init });
  }

  /** Joins the root and reads until it is welcome; gives the socket's id. */
  async join() {
    await this.post("40");
    for (;;) {
      const { body } = await this.get();
      const [, id] = /42\["welcome","([^"]+)"\]/.exec(body) ?? [];
      if (id) return id;
    }
  }
}

/** A WebSocket that does only what it is told. */
export class Wire {
  static async open(t, server, query = {}) {
    const socket = new WebSocket(address(server, { EIO: 4, transport: "websocket", ...query }).replace("http", "ws"));
    const wire = new Wire();
    t.after(() => socket.terminate());
    socket.on("upgrade", (response) => (wire.headers = response.headers));
    wire.frames = [];
    wire.wake = () => {};
    socket.on("message", (data, binary) => {
      wire.frames.push(binary ? data : data.toString());
      wire.wake();
    });
    wire.closed = once(socket, "close").then(([code]) => {
      wire.over = true;
      wire.wake();
      return code;
    });
    wire.socket = socket;
    await once(socket, "open");
    return wire;
  }

  send(...frames) {
    for (const frame of frames) this.socket.send(frame);
  }

  /** The next frame; undefined after the end. */
  async next() {
    while (this.frames.length === 0 && !this.over) await new Promise((wake) => (this.wake = wake));
    return this.frames.shift();
  }

  /** The next frame that starts so. */
  async until(start) {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error(`closed before ${start}`);
      if (typeof frame === "string" && frame.startsWith(start)) return frame;
    }
  }

  /** Reads the handshake and joins the root. */
  async join() {
    const { sid } = JSON.parse((await this.until("0")).slice(1));
    this.send("40");
    const { sid: id } = JSON.parse((await this.until("40")).slice(2));
    return { sid, id };
  }
}

/** The status of a WebSocket handshake that is not accepted. */
export async function refusedUpgrade(server, query) {
  const socket = new WebSocket(address(server, query).replace("http", "ws"));
  socket.on("error", () => {});
  const [, response] = await once(socket, "unexpected-response");
  const body = (await response.toArray()).join("");
  return { status: response.statusCode, body };
}

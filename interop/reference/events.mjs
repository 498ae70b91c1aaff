// The events of section 3 of CONTRACT.md, for one socket.
const ACK_TIMEOUT = 300;

export function listen(io, dynamic, socket, more) {
  const added = new Map(); // event -> this socket's own listeners

  const events = {
    echo: (args) => socket.emit("echo", ...args),
    message: (args) => socket.emit("message", ...args),
    ack: (args, ack) => ack(...args),
    later: ([value], ack) => setTimeout(() => ack(value), 200),
    double([n], ack) {
      if (!Number.isInteger(n) || n < 0 || n > 0xffffffff) throw new Error("expected u32");
      ack(n * 2);
    },
    upload([file], ack) {
      if (typeof file?.name !== "string" || !Buffer.isBuffer(file.bytes)) throw new Error("expected a file");
      ack({ ...file, size: file.bytes.length });
    },
    fail([message]) {
      throw new Error(message);
    },
    panic() {
      throw new Error("internal error");
    },
    async ask([event, ...args], ack) {
      const answer = await new Promise((resolve, reject) =>
        socket.timeout(ACK_TIMEOUT).emit(event, ...args, (error, ...values) => (error ? reject(error) : resolve(values))),
      );
      ack(...answer);
    },
    burst([n], ack) {
      for (let i = 0; i < n; i++) socket.emit("number", i);
      ack();
    },
    volatile(_, ack) {
      socket.emit("tick", "regular");
      socket.volatile.emit("tick", "volatile");
      ack();
    },
    async join([rooms], ack) {
      await socket.join(rooms);
      ack(ownRooms(socket));
    },
    leave([rooms], ack) {
      for (const room of rooms) socket.leave(room);
      ack(ownRooms(socket));
    },
    rooms: (_, ack) => ack({ id: socket.id, rooms: ownRooms(socket) }),
    members([room], ack) {
      ack([...(socket.nsp.adapter.rooms.get(room) ?? [])].sort());
    },
    cast([options, event, ...args], ack) {
      operator(options).emit(event, ...args);
      ack();
    },
    async "cast-ack"([options, event, ...args], ack) {
      const cast = operator(options);
      const reached = (await cast.fetchSockets()).length;
      const answers = await cast
        .timeout(options.timeout)
        .emitWithAck(event, ...args)
        .catch((error) => error.responses);
      ack({ answers, missing: reached - answers.length });
    },
    kick: ([close]) => socket.disconnect(close),
    listen([event, once], ack) {
      const heard = (...all) => all.at(-1)?.call?.(null, "heard");
      added.set(event, [...(added.get(event) ?? []), heard]);
      socket[once ? "once" : "on"](event, heard);
      ack();
    },
    unlisten([event], ack) {
      for (const heard of added.get(event) ?? []) socket.off(event, heard);
      added.delete(event);
      ack();
    },
    handshake(_, ack) {
      const { auth, query, headers } = socket.handshake;
      ack({ auth, token: query.token ?? null, header: headers["x-interop"] ?? null });
    },
    recovered: (_, ack) => ack(socket.recovered),
    ...more(socket),
  };

  for (const [event, handler] of Object.entries(events)) {
    socket.on(event, async (...all) => {
      const ack = typeof all.at(-1) === "function" ? all.pop() : () => {};
      try {
        await handler(all, ack);
      } catch (error) {
        ack({ error: { message: error.message } });
      }
    });
  }
  socket.onAny((event, ...all) => {
    if (socket.listenerCount(event) === 0 && typeof all.at(-1) === "function") {
      all.at(-1)({ error: { message: `nobody handles "${event}"` } });
    }
  });

  function operator({ ns, parent, to = [], except = [], broadcast, volatile }) {
    let cast = parent ? dynamic : ns ? io.of(ns) : broadcast ? socket.broadcast : socket.nsp;
    if (to.length) cast = cast.to(to);
    if (except.length) cast = cast.except(except);
    return volatile ? cast.volatile : cast;
  }
}

export const ownRooms = (socket) => [...socket.rooms].filter((room) => room !== socket.id).sort();

/** The commands of section 2 of the contract. */
export function commands(io) {
  /** Whom a command is for. */
  const target = ({ of = "/", to = [], except = [], local, volatile }) => {
    let all = io.of(of).to(to).except(except);
    if (local) all = all.local;
    return volatile ? all.volatile : all;
  };
  const answered = (promise) => promise.then(
    (answers) => ({ answers, complete: true, missing: 0 }),
    (error) => ({ answers: error.responses, complete: false, missing: null }),
  );
  const sorted = (rooms) => [...rooms].map(String).sort();

  return {
    emit: ({ event, args, ...whom }) => void target(whom).emit(event, ...args),
    ask: ({ event, args, timeout, ...whom }) => answered(target(whom).timeout(timeout).emitWithAck(event, ...args)),
    async fetch(whom) {
      const sockets = await target(whom).fetchSockets();
      return sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: sorted(rooms), data, handshake }));
    },
    async "ask-one"({ of = "/", socket, event, args, timeout }) {
      const [found] = await io.of(of).in(socket).fetchSockets();
      if (!found) throw new Error("no such socket");
      return found.timeout(timeout).emitWithAck(event, ...args);
    },
    join: ({ rooms, ...whom }) => void target(whom).socketsJoin(rooms),
    leave: ({ rooms, ...whom }) => void target(whom).socketsLeave(rooms),
    disconnect: ({ close, ...whom }) => void target(whom).disconnectSockets(close),
    "server-emit": ({ of = "/", event, args }) => void io.of(of).serverSideEmit(event, ...args),
    "server-ask": ({ of = "/", event, args }) => answered(io.of(of).serverSideEmitWithAck(event, ...args)),
    servers: ({ of = "/" }) => io.of(of).adapter.serverCount(),
    rooms({ of = "/" }) {
      const { rooms, sids } = io.of(of).adapter;
      return sorted([...rooms.keys()].filter((room) => !sids.has(room)));
    },
    count: async (whom) => (await target({ ...whom, local: true }).fetchSockets()).length,
    stats: () => null,
    close: () => io.close(),
    "all-rooms": async ({ of = "/" }) => sorted(await io.of(of).adapter.allRooms()),
  };
}

import { write } from "../support/values.mjs";

/** Sections 3 and 4 of the contract, for a namespace or for those that a pattern makes. */
export function serve(namespace, number, say) {
  namespace.on("connection", (socket) => {
    if (!socket.recovered && socket.handshake.auth.data !== undefined) socket.data = socket.handshake.auth.data;
    const acks = (args) => (typeof args.at(-1) === "function" ? args.pop() : () => {});
    socket.on("ack", (...args) => acks(args)(...args));
    socket.on("join", (rooms, ack) => {
      socket.join(rooms);
      ack();
    });
    socket.on("leave", (rooms, ack) => {
      rooms.forEach((room) => socket.leave(room));
      ack();
    });
    socket.on("set", (data, ack) => {
      socket.data = data;
      ack();
    });
    socket.on("login", (user, ack) => {
      socket.join([`$user:${user}`, "$users"]);
      ack();
    });
    socket.on("cast", ({ to = [], except = [], volatile }, event, ...args) => {
      const ack = acks(args);
      const others = socket.broadcast.to(to).except(except);
      (volatile ? others.volatile : others).emit(event, ...args);
      ack();
    });
    socket.on("who", (ack) => {
      ack({ number, recovered: socket.recovered, rooms: [...socket.rooms].map(String).sort(), data: socket.data });
    });
  });
  namespace.on("add", (n, ack) => ack(n + number));
  namespace.on("same", (value, ack) => ack(value));
  namespace.on("some", (numbers, value, ack) => numbers.includes(number) && ack(value));
  namespace.on("note", (...args) => {
    say({ heard: { of: namespace.name, args: write(args), text: JSON.stringify(args) } });
  });
}

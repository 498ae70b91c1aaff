#![deny(unused_must_use)]

use tower_socketio::{Namespace, Socket, SocketIo};

fn main() {
    let io = SocketIo::default();
    io.to("lobby").except("muted");
    Namespace::<()>::new().on("e", async |socket: Socket| socket.volatile());
    SocketIo::builder();
}

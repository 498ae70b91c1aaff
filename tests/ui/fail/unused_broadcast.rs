#![deny(unused_must_use)]

use tower_socketio::{Namespace, Socket, SocketIo};

async fn forgets(socket: Socket) {
    socket.volatile();
    socket.to("lobby");
}

fn main() {
    let io = SocketIo::default();
    io.to("lobby").except("muted");
    Namespace::<()>::new().on("e", forgets);
    SocketIo::builder();
}

use tower_socketio::{Data, Event, Namespace, Socket, SocketIo};

async fn many(
    _: Socket,
    _: SocketIo,
    _: Event,
    _: Data<u8>,
    _: Socket,
    _: SocketIo,
    _: Event,
    _: Data<u8>,
    _: Socket,
) {
}

fn main() {
    let _: Namespace = Namespace::new().on("many", many);
}

use tower_socketio::{Namespace, Socket};

async fn message(socket: Socket, text: String) {
    socket.broadcast().emit("message", text);
}

fn main() {
    let _: Namespace = Namespace::new().on("message", message);
}

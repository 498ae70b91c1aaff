use tower_socketio::{Data, Namespace, Socket};

fn main() {
    let _: Namespace = Namespace::new().on("join", async |socket: Socket, Data(id): Data<u32>| socket.join(id));
}

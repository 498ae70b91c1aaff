use tower_socketio::{Data, Namespace, Socket};

async fn connected(socket: Socket, Data(room): Data<String>) {
    socket.join(room);
}

fn main() {
    let _: Namespace = Namespace::new().on_connect(connected);
}

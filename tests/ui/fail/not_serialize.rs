use tower_socketio::{Namespace, Socket};

struct Point {
    x: f64,
}

fn main() {
    let _: Namespace = Namespace::new().on("at", async |socket: Socket| socket.emit("at", Point { x: 1.0 }));
}

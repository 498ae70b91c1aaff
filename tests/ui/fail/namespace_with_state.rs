use tower_socketio::{Namespace, SocketIo, State};

#[derive(Clone)]
struct Db;

fn chat() -> Namespace<Db> {
    Namespace::new().on("history", async |State(_db): State<Db>| {})
}

fn main() {
    let _ = SocketIo::builder().namespace("/chat", chat());
}

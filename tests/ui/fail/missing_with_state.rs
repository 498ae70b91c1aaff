use tower_socketio::{Namespace, SocketIo, State};

#[derive(Clone)]
struct Db;

async fn history(State(_db): State<Db>) {}

fn main() {
    let _ = SocketIo::builder().namespace("/", Namespace::new().on("history", history));
}

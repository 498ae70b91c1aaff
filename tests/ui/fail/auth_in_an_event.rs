use tower_socketio::{Auth, Namespace};

async fn message(Auth(_token): Auth<String>) {}

fn main() {
    let _: Namespace = Namespace::new().on("message", message);
}

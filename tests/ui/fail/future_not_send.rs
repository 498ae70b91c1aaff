use std::rc::Rc;

use tower_socketio::Namespace;

async fn waits() {
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {
    let _: Namespace = Namespace::new().on("wait", waits);
}

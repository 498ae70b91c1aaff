use std::sync::Arc;

use tower_socketio::{Data, Namespace};

struct Visit;

impl Visit {
    async fn say(self: Arc<Self>, Data(_): Data<String>) {}
}

fn main() {
    let _: Namespace = Namespace::new().on("say", Visit::say);
}

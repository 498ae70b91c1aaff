use std::sync::Arc;

use tower_socketio::{ConnectRequest, Controller, Namespace, WireError};

#[derive(Clone)]
struct Db;

struct Visit;

impl Controller<Db> for Visit {
    async fn open(_: &mut ConnectRequest, _: &Db) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn events(on: Namespace<Db>) -> Namespace<Db> {
        on.on("say", Self::say)
    }
}

impl Visit {
    async fn say(self: Arc<Self>) {}
}

fn main() {
    let _: Namespace = Namespace::new().controller::<Visit>();
}

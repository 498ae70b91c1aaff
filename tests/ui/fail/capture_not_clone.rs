use std::sync::Mutex;

use tower_socketio::{Data, Namespace};

fn main() {
    let said = Mutex::new(Vec::new());
    let _: Namespace = Namespace::new().on("say", async move |Data(text): Data<String>| {
        said.lock().unwrap().push(text);
    });
}

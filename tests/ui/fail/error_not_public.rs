use tower_socketio::{Data, Namespace};

async fn store(Data(text): Data<String>) -> Result<(), std::io::Error> {
    std::fs::write("text", text)
}

fn main() {
    let _: Namespace = Namespace::new().on("store", store);
}

use tower_socketio::{Data, Namespace};

async fn double(Data(n): Data<u32>) -> u32 {
    n * 2
}

fn main() {
    let _: Namespace = Namespace::new().on("double", double);
}

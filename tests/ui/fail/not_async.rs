use tower_socketio::{Ack, Data, Namespace};

fn double(Data(n): Data<u32>) -> Ack<u32> {
    Ack(n * 2)
}

fn main() {
    let _: Namespace = Namespace::new().on("double", double);
}

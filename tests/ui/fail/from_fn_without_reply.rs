//! A function around events that forgets to give the reply back.
use tower_socketio::{Namespace, Next, PacketRequest, packet};

async fn log(request: PacketRequest, next: Next) {
    next.run(request).await;
}

fn main() {
    let _: Namespace = Namespace::new().packet_layer(packet::from_fn(log));
}

//! A layer around connections where one around events belongs.
use tower_socketio::{Accepted, ConnectNext, ConnectRequest, Namespace, WireError, connect};

async fn check(request: ConnectRequest, next: ConnectNext) -> Result<Accepted, WireError> {
    next.run(request).await
}

fn main() {
    let _: Namespace = Namespace::new().packet_layer(connect::from_fn(check));
}

//! socketioxide under the same load: `serve-socketioxide PORT [WORKER THREADS]`.

use axum::serve::ListenerExt;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    tower_socketio_bench::serve(async |port| {
        let (layer, io) = SocketIo::builder().max_buffer_size(1024).build_layer();
        io.ns("/", on_connect);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        // Its own connections would wait for delayed acknowledgements.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
    })
}

async fn on_connect(socket: SocketRef) {
    socket.join("r");
    socket.on("echo", async |socket: SocketRef, Data::<String>(data)| drop(socket.emit("echo", &data)));
    socket.on("ack", async |Data::<String>(data), ack: AckSender| drop(ack.send(&data)));
    socket.on("bcast", async |io: SocketIo, Data::<String>(data)| {
        drop(io.to("r").emit("bcast", &data).await);
    });
}

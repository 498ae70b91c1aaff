//! This library under load: `serve PORT [WORKER THREADS]`.

use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo, SocketIoLayer};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    tower_socketio_bench::serve(async |port| {
        let namespace = Namespace::new()
            .on_connect(async |socket: Socket| socket.join("r"))
            .on("echo", async |socket: Socket, Data(data): Data<String>| socket.emit("echo", data))
            .on("ack", async |Data(data): Data<String>| Ack(data))
            .on("bcast", async |io: SocketIo, Data(data): Data<String>| io.to("r").emit("bcast", data));
        let layer = SocketIoLayer::new();
        layer.io().namespace("/", namespace)?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
    })
}

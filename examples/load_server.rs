//! Run with `cargo run --release --example load_server -- 3000 [worker threads]`: the server for load generators.
use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo, SocketIoLayer};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("usage: load_server PORT [THREADS]")?.parse()?;
    let threads: usize = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve(port))
}

async fn serve(port: u16) -> Result<(), Error> {
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket| socket.join("r"))
        .on("echo", async |socket: Socket, Data(data): Data<String>| socket.emit("echo", data))
        .on("ack", async |Data(data): Data<String>| Ack(data))
        .on("bcast", async |io: SocketIo, Data(data): Data<String>| io.to("r").emit("bcast", data));
    let layer = SocketIoLayer::new();
    layer.io().namespace("/", namespace)?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
}

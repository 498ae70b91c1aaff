//! socketioxide under the same load: `serve-socketioxide PORT [WORKER THREADS]`.

use std::time::Instant;

use axum::serve::ListenerExt;
use socketioxide::SocketIo;
use socketioxide::adapter::{Adapter, LocalAdapter};
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide_redis::drivers::redis::redis_client::Client;
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::net::TcpListener;
use tower_socketio_bench::TURNS;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    tower_socketio_bench::serve(async |listener, settings| {
        let mut builder = SocketIo::builder().max_buffer_size(1024);
        if let Some(bytes) = settings.max_payload {
            builder = builder.max_payload(bytes as u64).ws_max_message_size(bytes).ws_max_frame_size(bytes);
        }
        let Some(cluster) = &settings.cluster else {
            let (layer, io) = builder.build_layer();
            io.ns("/", on_connect::<LocalAdapter>);
            for number in 0..settings.namespaces {
                io.ns(format!("/n{number}"), async |socket: SocketRef| socket.on("echo", echo));
            }
            return serve(listener, axum::Router::new().layer(layer)).await;
        };
        if cluster.adapter != "classic" {
            return cluster.unknown();
        }
        let client = Client::open(format!("{}?protocol=resp3", cluster.url))?;
        let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
        let (layer, io) = builder.with_adapter::<RedisAdapter<_>>(adapter).build_layer();
        io.ns("/", on_connect).await?;
        serve(listener, axum::Router::new().layer(layer)).await
    })
}

async fn serve(listener: TcpListener, app: axum::Router) -> Result<(), Error> {
    // Its own connections would wait for delayed acknowledgements.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(tokio::spawn(async move { axum::serve(listener, app).await }).await??)
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>) {
    socket.join("r");
    socket.on("echo", echo::<A>);
    socket.on("ack", async |Data::<String>(data), ack: AckSender<A>| drop(ack.send(&data)));
    socket.on("bcast", async |io: SocketIo<A>, Data::<String>(data)| {
        drop(io.to("r").emit("bcast", &data).await);
    });
    socket.on("to", async |io: SocketIo<A>, Data::<(String, String)>((room, data))| {
        drop(io.to(room).emit("bcast", &data).await);
    });
    socket.on("join", async |socket: SocketRef<A>, Data::<Vec<String>>(rooms), ack: AckSender<A>| {
        timed(ack, || socket.join(rooms));
    });
    socket.on("leave", async |socket: SocketRef<A>, Data::<Vec<String>>(rooms), ack: AckSender<A>| {
        timed(ack, || socket.leave(rooms));
    });
    socket.on("turns", async |socket: SocketRef<A>, Data::<usize>(rooms), ack: AckSender<A>| {
        for turn in 0..TURNS {
            let room = format!("m{}", turn % rooms.max(1));
            socket.leave(room.clone());
            socket.join(room);
        }
        drop(ack.send(&rooms));
    });
    socket.on("sum", async |Data::<Vec<f64>>(numbers), ack: AckSender<A>| {
        drop(ack.send(&numbers.iter().sum::<f64>()));
    });
}

async fn echo<A: Adapter>(socket: SocketRef<A>, Data(data): Data<String>) {
    drop(socket.emit("echo", &data));
}

/// Acknowledges with the nanoseconds that something took.
fn timed<A: Adapter>(ack: AckSender<A>, what: impl FnOnce()) {
    let start = Instant::now();
    what();
    drop(ack.send(&u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)));
}

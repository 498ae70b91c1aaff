//! This library under load: `serve PORT [WORKER THREADS]`; what it answers stands in the crate's `serve`.

use std::time::Instant;

use axum::http::header;
use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo};
use tower_socketio_bench::TURNS;
use tower_socketio_postgres::PostgresAdapter;
use tower_socketio_redis::RedisAdapter;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    tower_socketio_bench::serve(async |listener, settings| {
        let mut builder = SocketIo::builder().namespace("/", root());
        for number in 0..settings.namespaces {
            builder = builder.namespace(format!("/n{number}"), Namespace::new().on("echo", echo));
        }
        if let Some(bytes) = settings.max_payload {
            builder = builder.max_payload(bytes);
        }
        if settings.keep_headers {
            let names = [header::USER_AGENT, header::ORIGIN, header::COOKIE, header::ACCEPT_LANGUAGE];
            builder = builder.keep_headers(names);
        }
        if let Some(cluster) = &settings.cluster {
            let url = &*cluster.url;
            let joined = match &*cluster.adapter {
                "classic" => RedisAdapter::classic(url).connect().await?,
                "sharded" => RedisAdapter::sharded(url).connect().await?,
                "streams" => RedisAdapter::streams(url).connect().await?,
                "postgres" => PostgresAdapter::new(url).connect().await?,
                _ => cluster.unknown()?,
            };
            builder = builder.adapter(joined);
        }
        let app = axum::Router::new().layer(builder.build()?.layer());
        // On a worker: connections that another thread accepts would have to be handed over.
        Ok(tokio::spawn(async move { axum::serve(listener, app).await }).await??)
    })
}

fn root() -> Namespace {
    Namespace::new()
        .on_connect(async |socket: Socket| socket.join("r"))
        .on("echo", echo)
        .on("ack", async |Data(data): Data<String>| Ack(data))
        .on("bcast", async |io: SocketIo, Data(data): Data<String>| io.to("r").emit("bcast", data))
        .on("to", async |io: SocketIo, Data((room, data)): Data<(String, String)>| {
            io.to(room).emit("bcast", data)
        })
        .on("join", async |socket: Socket, Data(rooms): Data<Vec<String>>| timed(|| socket.join(rooms)))
        .on("leave", async |socket: Socket, Data(rooms): Data<Vec<String>>| timed(|| socket.leave(rooms)))
        .on("turns", async |socket: Socket, Data(rooms): Data<usize>| {
            for turn in 0..TURNS {
                let room = format!("m{}", turn % rooms.max(1));
                socket.leave(&*room);
                socket.join(room);
            }
            Ack(rooms)
        })
        .on("sum", async |Data(numbers): Data<Vec<f64>>| Ack(numbers.iter().sum::<f64>()))
        .on("drop", async |io: SocketIo| io.to("r").disconnect(true))
}

async fn echo(socket: Socket, Data(data): Data<String>) -> tower_socketio::Sent {
    socket.emit("echo", data)
}

/// Acknowledges with the nanoseconds that something took.
fn timed(what: impl FnOnce()) -> Ack<u64> {
    let start = Instant::now();
    what();
    Ack(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

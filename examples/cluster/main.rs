//! Run with `examples/cluster/run.sh`, or one node with `cargo run --example cluster` where Redis listens on localhost.
//!
//! The chat of the example `chat`, with its page, on as many nodes as there are: `REDIS_URL` names the Redis behind them
//! (default: `redis://localhost`), `PORT` the port of this one. Nodes come and go, and a client that loses its node comes
//! back to another one.

mod chat;
mod events;

use std::time::Duration;

use axum::routing::{MethodRouter, get};
use http::header::CONTENT_TYPE;
use tokio::signal::unix::{SignalKind, signal};
use tower_socketio::{Namespace, Recovery, Socket, SocketIo, State};
use tower_socketio_redis::RedisAdapter;

use chat::Chat;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let redis = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost".into());
    let proxies = std::env::var("TRUST_PROXIES").unwrap_or_else(|_| "127.0.0.0/8".into());
    let chat = Namespace::new()
        .on_connected(async |socket: Socket, State(chat): State<Chat>| chat.greet(&socket).await)
        .on("join", events::join)
        .on("message", events::message)
        .on("typing", events::typing)
        .on("rename", events::rename)
        .on_disconnect(events::gone)
        .on_server("line", events::line)
        .on_server("lines", async |State(chat): State<Chat>| chat.lines())
        .with_state(Chat::default());
    let io = SocketIo::builder()
        .adapter(RedisAdapter::streams(redis).connect().await?)
        .recovery(Recovery::new())
        .trust_proxies([proxies.parse::<tower_socketio::IpNet>()?])
        .max_payload(100_000)
        .namespace("/", chat)
        .build()?;
    let app = axum::Router::new()
        .route("/", file("text/html", include_str!("../chat/index.html")))
        .route("/style.css", file("text/css", include_str!("../chat/style.css")))
        .route("/app.js", file("text/javascript", include_str!("../chat/app.js")))
        .route("/socket.js", file("text/javascript", include_str!("../chat/socket.js")))
        .layer(io.layer());
    let host = std::env::var("HOST").unwrap_or_else(|_| "127.0.0.1".into());
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind((host, port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        io.drain(Duration::from_secs(1)).await; // clients are told to go, and come back to another node
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(stop).await?)
}

fn file(kind: &str, text: &'static str) -> MethodRouter {
    get(([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text))
}

//! Run with `cargo run --example chat` and open <http://localhost:3000> in two windows; `PORT` names another port.

mod events;
mod person;
mod rooms;

use std::time::Duration;

use axum::routing::{MethodRouter, get};
use http::header::CONTENT_TYPE;
use tower_socketio::{Namespace, Socket, SocketIo, State};

use rooms::Chat;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let chat = Namespace::new()
        .on_connected(async |socket: Socket, State(chat): State<Chat>| {
            socket.emit("rooms", chat.lock().list(&socket))
        })
        .on("join", events::join)
        .on("message", events::message)
        .on("typing", events::typing)
        .on("rename", events::rename)
        .on_disconnect(events::gone)
        .with_state(Chat::default());
    let io = SocketIo::builder()
        .ping_interval(millis("CHAT_PING_INTERVAL_MS", 25_000)?)
        .ping_timeout(millis("CHAT_PING_TIMEOUT_MS", 20_000)?)
        .max_payload(100_000)
        .namespace("/", chat)
        .build()?;
    let app = axum::Router::new()
        .route("/", file("text/html", include_str!("index.html")))
        .route("/style.css", file("text/css", include_str!("style.css")))
        .route("/app.js", file("text/javascript", include_str!("app.js")))
        .route("/socket.js", file("text/javascript", include_str!("socket.js")))
        .layer(io.layer());
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    let stop = async move {
        tokio::signal::ctrl_c().await.ok();
        io.drain(Duration::from_secs(1)).await; // pages are told to go, and come back as soon as a server does
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(stop).await?)
}

fn file(kind: &str, text: &'static str) -> MethodRouter {
    get(([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text))
}

fn millis(variable: &str, default: u64) -> Result<Duration, Error> {
    Ok(Duration::from_millis(std::env::var(variable).map_or(Ok(default), |millis| millis.parse())?))
}

//! Run with `cargo run --example recovery`: clients that lose their connection for a moment, and nothing else. Each has a
//! number, which it keeps, and gets the news of its topics that came while it was away.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tower_socketio::{
    Ack, Data, DisconnectReason, Extension, Namespace, Reconnected, Recovery, Socket, SocketIo,
};

/// What a client keeps: recovery clones the socket's extensions.
#[derive(Clone, Copy)]
struct Number(u32);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |name, default| std::env::var(name).map_or(Ok(default), |number| number.parse::<u32>());
    let recovery = Recovery::new()
        .window(Duration::from_millis(number("WINDOW_MS", 120_000)?.into())) // away for longer than that: a new client
        .max_packets(number("MAX_PACKETS", 1_000)? as usize) // of each namespace
        .max_bytes(16 << 20); // in all
    let io = SocketIo::builder()
        .recovery(recovery)
        .namespace("/", news())
        .namespace("/rooms/{id}", news())
        .build()?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(io.layer())).await?)
}

fn news() -> Namespace {
    Namespace::new()
        .on_connect(number)
        .on_reconnect(welcome_back)
        .on("subscribe", subscribe)
        .on("publish", publish)
        .on("tick", tick)
        .on("me", me)
        .on_disconnect(async |reason: DisconnectReason| eprintln!("lost: {reason}"))
}

/// Runs for those who come back, too, with what they had: refuse here whoever may not come in any more.
async fn number(socket: Socket) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if !socket.recovered() {
        socket.extensions().insert(Number(NEXT.fetch_add(1, Ordering::Relaxed)));
    }
}

/// Leaves after all that the client has missed.
async fn welcome_back(socket: Socket, back: Reconnected) {
    socket.emit("back", (format!("{:?}", back.by), back.away.as_secs()));
}

async fn subscribe(socket: Socket, Data(topics): Data<Vec<String>>) -> Ack<()> {
    socket.join(&topics);
    Ack(())
}

/// Kept for those who are away; the binary part, too.
async fn publish(
    socket: Socket,
    Data((topic, text, picture)): Data<(String, String, Option<Bytes>)>,
) -> Ack<()> {
    socket.to(topic).emit("news", (text, picture));
    Ack(())
}

/// Of ticks only the latest counts: they are not kept.
async fn tick(socket: Socket) -> Ack<()> {
    socket.namespace().volatile().emit("tick", "tock");
    Ack(())
}

async fn me(socket: Socket, Extension(Number(number)): Extension<Number>) -> Ack<(u32, Vec<String>, bool)> {
    let mut rooms: Vec<_> = socket.rooms()[1..].iter().map(ToString::to_string).collect();
    rooms.sort_unstable();
    Ack((number, rooms, socket.recovered()))
}

//! Run with `cargo run --example acks`: asking clients, one or many, and the options of an emit.

use std::time::Duration;

use futures_util::StreamExt;
use tower_socketio::{
    Ack, AckError, AckSender, Data, DisconnectReason, Namespace, Socket, SocketIo, SocketIoLayer, WireError,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let namespace = Namespace::new()
        .on_connected(greet)
        .on("ask", ask)
        .on("poll", poll)
        .on("later", later)
        .on("enter", enter)
        .on("position", position)
        .on_disconnecting(bye);
    let layer = SocketIoLayer::new();
    layer.io().namespace("/", namespace)?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
}

/// Runs as soon as the client is in: the first place where it can answer.
async fn greet(socket: Socket) -> Result<(), WireError> {
    let language: String = socket.emit_with_ack("language?", ()).await?;
    socket.emit("hello", format!("hello, speaker of {language}"));
    Ok(())
}

/// Asks the client back, with a deadline. The event's own acknowledgement is the answer to it.
async fn ask(socket: Socket, Data(question): Data<String>) -> Result<Ack<u32>, WireError> {
    let answer = socket.timeout(SECOND).emit_with_ack("question", question).await?;
    Ok(Ack(answer))
}

/// Asks a room: answers as they come, then how many are missing, if any are.
async fn poll(io: SocketIo) -> Ack<(u32, usize)> {
    let (mut yes, mut silent) = (0, 0);
    let mut votes = io.to("voters").except("banned").timeout(SECOND).emit_with_ack::<bool>("vote", ());
    while let Some(vote) = votes.next().await {
        match vote {
            Ok(vote) => yes += u32::from(vote),
            Err(AckError::Timeout { missing }) => silent = missing,
            Err(_) => {}
        }
    }
    Ack((yes, silent))
}

/// Answers by hand, at a time of its own choosing: the handler ends at once, the task ends with the socket.
async fn later(socket: Socket, ack: AckSender) {
    socket.spawn(async move {
        tokio::time::sleep(SECOND / 10).await;
        ack.send("it took a while");
    });
}

async fn enter(socket: Socket, Data(rooms): Data<Vec<String>>) {
    socket.join(&rooms);
    socket.to(&rooms).emit("entered", socket.id()); // others in any of them, each once
    socket.broadcast().except(&rooms).emit("elsewhere", rooms.len());
    if socket.emit("welcome", rooms.len()).into_result().is_err() {
        socket.disconnect();
    }
}

/// Of positions only the newest counts: who is not ready for this one does without.
async fn position(socket: Socket, Data(at): Data<(f32, f32)>) {
    socket.to(socket.rooms()).volatile().emit("position", at);
}

async fn bye(socket: Socket, reason: DisconnectReason) {
    socket.to(socket.rooms()).emit("left", (socket.id(), reason.as_str()));
}

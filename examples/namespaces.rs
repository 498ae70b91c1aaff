//! Run with `cargo run --example namespaces`: one namespace for all, one per room, and one with a password.

use serde::Deserialize;
use tower_socketio::{Auth, Data, Extension, Namespace, Path, Socket, SocketIo, WireError};

#[derive(Clone)]
struct Nickname(String);

#[derive(Deserialize)]
struct Password {
    password: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let room = Namespace::new()
        .on_connect(enter)
        .on("name", async |socket: Socket, Data(name): Data<String>| {
            socket.extensions().insert(Nickname(name));
        })
        .on("say", say)
        .on_disconnect(async |socket: Socket| socket.namespace().emit("left", socket.id()));
    let staff = Namespace::new().on_connect(staff_only).on(
        "shout",
        async |io: SocketIo, Data(text): Data<String>| {
            io.of("/chat/{room}").emit("said", ("the staff", text)) // everybody in every room
        },
    );
    let io = SocketIo::builder()
        .namespace("/", Namespace::new()) // for all who come; without it, they may go straight to the others only
        .namespace("/chat/{room}", room) // one for each room, from its first client to its last
        .namespace("/staff", staff)
        .build()?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(io.layer())).await?)
}

/// The room's name is a part of the namespace's, as a parameter of a route. An `Err` is the client's `connect_error`.
async fn enter(socket: Socket, Path(room): Path<String>) -> Result<(), WireError> {
    if room.starts_with('.') {
        return Err(WireError::new("no such room").code("not_found"));
    }
    socket.emit("welcome", room); // leaves after the client was let in
    Ok(())
}

/// `Extension` is data of the socket. `socket.namespace()` is this room only.
async fn say(socket: Socket, name: Option<Extension<Nickname>>, Data(text): Data<String>) {
    let name = name.map_or_else(|| "somebody".into(), |Extension(Nickname(name))| name);
    socket.namespace().emit("said", (name, text));
}

async fn staff_only(Auth(Password { password }): Auth<Password>) -> Result<(), WireError> {
    if password != "open sesame" {
        return Err(WireError::new("wrong password").code("forbidden"));
    }
    Ok(())
}

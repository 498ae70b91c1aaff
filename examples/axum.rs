//! Run with `cargo run --example axum`, then `curl -d 'It rains' localhost:3000/rooms/news`: REST routes push to rooms.

use std::sync::{Arc, Mutex};

// axum's own extractors work in both worlds: one `State` and one `Path` in a file.
use axum::extract::{FromRef, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use tower_http::cors::CorsLayer;
use tower_socketio::{Ack, Auth, Data, Http, Namespace, Room, Socket, SocketIo, WireError};

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: String) -> usize {
        let mut notes = self.0.lock().expect("no handler panics while it holds the lock");
        notes.push(note);
        notes.len()
    }
}

#[derive(Clone, FromRef)]
struct App {
    io: SocketIo,
    notes: Notes,
}

#[derive(serde::Deserialize)]
struct Login {
    user: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let notes = Notes::default();
    // Sockets need the notes only and the routes need `io`, too: no cycle, as a namespace has a state of its own.
    let news = Namespace::new()
        .on_connect(connect)
        .on("follow", async |socket: Socket, Data(room): Data<String>| socket.join(room))
        .on("note", async |State(notes): State<Notes>, Data(text): Data<String>| Ack(notes.add(text)))
        .with_state(notes.clone());
    let io = SocketIo::builder().namespace("/", news).build()?;
    let app = Router::new()
        .route("/rooms", get(rooms))
        .route("/rooms/{room}", post(announce))
        .route("/users/{user}", post(notify))
        .route("/notes", post(add_note))
        .with_state(App { io: io.clone(), notes })
        .layer(io.layer()) // after every route
        .layer(CorsLayer::permissive()); // after `io.layer()`, hence around it: for Socket.IO's requests, too
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, app).await?)
}

/// Before the client is accepted: an `Err` is its `connect_error`. `Auth` is what the client gave as `auth`, and `Http`
/// runs any extractor of axum on its request. A real program takes the user from a session or a token, of course.
async fn connect(
    socket: Socket,
    login: Option<Auth<Login>>,
    Http(headers): Http<HeaderMap>,
) -> Result<(), WireError> {
    if headers.contains_key("x-banned") {
        return Err(WireError::new("you are banned").code("banned"));
    }
    if let Some(Auth(Login { user })) = login {
        socket.set_user(user);
    }
    Ok(())
}

async fn announce(State(io): State<SocketIo>, Path(room): Path<String>, text: String) -> StatusCode {
    let sent = io.to(room).emit("notice", text);
    if sent.reached() == 0 { StatusCode::NOT_FOUND } else { StatusCode::NO_CONTENT }
}

async fn notify(State(io): State<SocketIo>, Path(user): Path<String>, text: String) -> StatusCode {
    io.to_user(user).except("do-not-disturb").emit("notice", text); // on all devices of the user
    StatusCode::ACCEPTED
}

async fn add_note(State(App { io, notes }): State<App>, text: String) -> Json<usize> {
    io.emit("note", &text);
    Json(notes.add(text))
}

async fn rooms(State(io): State<SocketIo>) -> Json<Vec<String>> {
    let rooms = io.of("/").rooms().into_iter().filter(Room::is_plain);
    Json(rooms.map(|room| room.name().to_owned()).collect())
}

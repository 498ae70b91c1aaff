//! Run with `cargo run --example typed`: typed arguments, binary inside a struct, and errors as acknowledgements.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tower_socketio::{
    Ack, Args, Data, Event, Namespace, PublicError, Socket, SocketIoLayer, State, WireError,
};

#[derive(Deserialize, Serialize)]
struct Upload {
    name: String,
    bytes: Bytes, // an attachment on the wire, a `Buffer` in Node, an `ArrayBuffer` in a browser
}

/// What can go wrong, for the client to read: `{error: {message, code}}`.
#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error("at most {0} bytes")]
    TooLarge(usize),
    #[error("there is no file `{0}`")]
    NotFound(String),
}

impl PublicError for UploadError {
    fn code(&self) -> Option<&str> {
        match self {
            Self::TooLarge(_) => Some("too_large"),
            Self::NotFound(_) => Some("not_found"),
        }
    }
}

type Files = Arc<Mutex<HashMap<String, Bytes>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = Namespace::new()
        .on("upload", upload)
        .on("download", download)
        .on("move", moved)
        .on("parse", parse)
        .on("try", attempt)
        .fallback(raw)
        .on_error(async |error: WireError| eprintln!("{error}")) // all of it; clients read what they may
        .with_state(Files::default());
    let layer = SocketIoLayer::new();
    layer.io().namespace("/", files)?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
}

async fn upload(State(files): State<Files>, Data(file): Data<Upload>) -> Result<Ack<usize>, UploadError> {
    if file.bytes.len() > 1000 {
        return Err(UploadError::TooLarge(1000));
    }
    let size = file.bytes.len();
    files.lock().expect("no handler panics while it holds the lock").insert(file.name, file.bytes);
    Ok(Ack(size))
}

async fn download(State(files): State<Files>, Data(name): Data<String>) -> Result<Ack<Upload>, UploadError> {
    let files = files.lock().expect("no handler panics while it holds the lock");
    match files.get(&name).cloned() {
        Some(bytes) => Ok(Ack(Upload { name, bytes })),
        None => Err(UploadError::NotFound(name)),
    }
}

/// A tuple is the list of arguments. What the client left out is `None`, what it sent too many is ignored.
async fn moved(socket: Socket, Data((x, y, label)): Data<(f64, f64, Option<String>)>) {
    socket.emit("moved", (x, y, label)); // three arguments
    socket.emit("at", [x, y]); // one: an array, a `Vec`, a struct is a value
    socket.emit("pong", ()); // none
}

/// `Result` takes data that does not fit, too.
async fn parse(data: Result<Data<Upload>, WireError>) -> Ack<bool> {
    Ack(data.is_ok())
}

/// `?` makes a `WireError` of any error. The client reads "internal error", `on_error` gets the whole.
async fn attempt(Data(number): Data<String>) -> Result<Ack<u8>, WireError> {
    Ok(Ack(number.parse()?))
}

async fn raw(Event(name): Event, Args(all): Args) -> Ack<(String, usize)> {
    Ack((name, all.len())) // two arguments
}

//! Run with `cargo run --example event_auth`: clients connect first and authenticate by an event, which opens methods.

use axum::extract::State;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tower_socketio::{
    Ack, Claims, Data, DisconnectReason, EventAuth, Namespace, ResultEnvelope, Socket, SocketIo, WireError,
};

/// What a client sends with `authentication`: an access token and whom it is for.
#[derive(Deserialize)]
struct Credentials {
    id: String,
    #[serde(rename = "userId")]
    user: String,
}

/// Whom the token was made for; handlers have it as `Claims<User>`.
#[derive(Clone, Serialize)]
struct User {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    skip: u32,
    #[serde(default = "ten")]
    limit: u32,
}

fn ten() -> u32 {
    10
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = EventAuth::new(authenticate)
        .user(|user: &User| user.id.clone())
        .on_closed(async |reason: DisconnectReason| println!("a client left: {reason}"));
    gate.on_connected(async |socket: Socket, Claims(user): Claims<User>| {
        socket.join("members");
        socket.emit("welcome", user.name);
    });
    let io = SocketIo::builder()
        .allow_eio3(true)
        .event_auth(gate) // in front of every namespace, also of those declared later
        .namespace("/", methods())
        .build()?;
    io.namespace("/x", methods())?;

    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    let app = axum::Router::new().route("/news", post(news)).with_state(io.clone()).layer(io.layer());
    Ok(axum::serve(listener, app).await?)
}

/// `Some` lets the client in, `None` and errors do not; `?` would tell it "internal error" and the log the rest.
async fn authenticate(_: Socket, credentials: Credentials) -> Result<Option<User>, WireError> {
    if credentials.id.is_empty() {
        return Err(WireError::new("an access token is needed"));
    }
    let name = match (&*credentials.id, &*credentials.user) {
        ("token-of-ada", "1") => "Ada",
        ("token-of-bob", "2") => "Bob",
        _ => return Ok(None),
    };
    Ok(Some(User { id: credentials.user, name: name.into() }))
}

/// Answers are `{result}` or `{error}`.
fn methods() -> Namespace {
    Namespace::new()
        .respond_with(ResultEnvelope)
        .on("getProfile", async |Claims(user): Claims<User>| Ack(user))
        .on("getRecords", async |Data(Page { skip, limit }): Data<Page>| match limit {
            0..=100 => Ok(Ack((skip..skip.saturating_add(limit)).collect::<Vec<_>>())),
            _ => Err(WireError::new("at most 100 records").code("too_many")),
        })
}

/// Reaches whoever is in, and nobody who still stands before the gate.
async fn news(State(io): State<SocketIo>, text: String) -> String {
    let everywhere = [io.emit("news", &text), io.of("/x").emit("news", &text)];
    io.to("members").emit("members", &text);
    everywhere.iter().map(tower_socketio::Sent::reached).sum::<usize>().to_string()
}

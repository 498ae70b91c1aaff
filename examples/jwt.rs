//! Run with `cargo run --features jwt --example jwt`: a login that gives tokens, sockets that need one, and guests.
//!
//! `curl -d ada localhost:3000/login` is Ada's token for ten minutes. A real login asks for more than a name, and a real
//! secret is in `JWT_SECRET`. Clients: `io({ auth: (send) => send({ token }) })`, with a newer token each time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tower_socketio::jwt::jsonwebtoken::{EncodingKey, Header, encode};
use tower_socketio::{
    Ack, Claims, Data, JwtError, JwtLayer, Namespace, Renewal, Socket, SocketIo, TokenSource,
};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Serialize, Deserialize)]
struct User {
    sub: String,
    exp: f64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret =
        std::env::var("JWT_SECRET").unwrap_or_else(|_| "a secret for development, known to all".into());
    let jwt = JwtLayer::<User>::hs256(&secret)
        .sources([
            TokenSource::auth("token"),
            TokenSource::query("token"), // all that clients of Socket.IO 2 have
            TokenSource::bearer(),
            TokenSource::subprotocol(),
        ])
        .user(|user| &user.sub)
        .warn_before(MINUTE, "expiring")
        .disconnect_on_expiry(true);
    let chat =
        Namespace::new().connect_layer(jwt.clone()).on("message", message).on("renew", renew).on_disconnect(
            async |socket: Socket, Claims(user): Claims<User>| socket.broadcast().emit("left", user.sub),
        );
    let lobby = Namespace::new().connect_layer(jwt.optional()).on("who", who).on("secret", secret_of);
    let io = SocketIo::builder()
        .namespace("/", chat)
        .namespace("/lobby", lobby)
        .subprotocols(["chat"])
        .allow_eio3(true)
        .build()?;
    let app = axum::Router::new()
        .route("/login", post(login))
        .with_state(EncodingKey::from_secret(secret.as_bytes()))
        .layer(io.layer());
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, app).await?)
}

async fn login(State(key): State<EncodingKey>, sub: String) -> Result<String, StatusCode> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let user = User { sub, exp: (now + MINUTE * 10).as_secs_f64() };
    encode(&Header::default(), &user, &key).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whose message it is the token says, not the client.
async fn message(socket: Socket, Claims(user): Claims<User>, Data(text): Data<String>) {
    socket.namespace().emit("message", (user.sub, text));
}

/// A newer token for the one that is about to expire: the socket stays, and `io.to_user(..)` goes on reaching it.
async fn renew(renewal: Renewal<User>, Data(token): Data<String>) -> Result<Ack<f64>, JwtError> {
    Ok(Ack(renewal.renew(&token).await?.exp))
}

async fn who(user: Option<Claims<User>>) -> Ack<String> {
    Ack(user.map_or_else(|| "a guest".into(), |Claims(user)| user.sub))
}

/// A guest is told that a token is needed.
async fn secret_of(Claims(user): Claims<User>) -> Ack<String> {
    Ack(format!("a secret of {}", user.sub))
}

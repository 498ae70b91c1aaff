//! Run with `cargo run --example message_client`: REST routes push to users, on all their devices, and to nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{FromRef, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, post};
use axum::{Extension, Json, Router};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tower_socketio::{MemoryTickets, MessageClient, Namespace, SocketIo, TicketLayer, tickets};

#[derive(Clone)]
struct User(String);

/// Who is logged in, by session. An app has its own way.
type Logins = Arc<Mutex<HashMap<String, User>>>;

#[derive(Clone, FromRef)]
struct App {
    messages: MessageClient,
    logins: Logins,
}

#[derive(Deserialize)]
struct Letter {
    to: Vec<String>,
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryTickets::<User>::new());
    let io = SocketIo::builder()
        .allow_eio3(true)
        // Whose socket it is comes from the login, and never from what a client says.
        .connect_layer(TicketLayer::new(store.clone()).user(|User(name): &User| name.clone()))
        .namespace("/", Namespace::new())
        .build()?;
    let app = App { messages: MessageClient::new(&io), logins: Logins::default() };
    let router = Router::new()
        .route("/user/sockettoken", tickets::route(store, Duration::from_secs(5)))
        .route("/messages", post(tell))
        .route("/announcements", post(announce))
        .route("/user/connections", delete(end))
        .route_layer(from_fn_with_state(app.logins.clone(), session))
        .route("/login", post(login))
        .with_state(app)
        .layer(io.layer());

    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, router).await?)
}

/// The body is the name; a password is left out here. The answer is the session, for the header `Authorization`.
async fn login(State(logins): State<Logins>, name: String) -> Result<String, StatusCode> {
    if name.is_empty() || name.len() > 50 {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let session = tickets::Ticket::random().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.into_string();
    logins.lock().expect("no panic holds it").insert(session.clone(), User(name));
    Ok(session)
}

/// The login layer: it lets nobody pass who is not logged in.
async fn session(
    State(logins): State<Logins>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let session = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let user = session.and_then(|session| logins.lock().expect("no panic holds it").get(session).cloned());
    request.extensions_mut().insert(user.ok_or(StatusCode::UNAUTHORIZED)?);
    Ok(next.run(request).await)
}

type Me = Extension<User>;
type Messages = State<MessageClient>;

/// Answers with the number of sockets that it reached.
async fn tell(State(messages): Messages, me: Me, Json(Letter { to, text }): Json<Letter>) -> Json<usize> {
    Json(messages.emit_to_users(to, "message", json!({ "from": me.0.0, "text": text })).reached())
}

async fn announce(State(messages): Messages, me: Me, text: String) -> Json<usize> {
    Json(messages.emit_to_everyone("announcement", json!({ "from": me.0.0, "text": text })).reached())
}

async fn end(State(messages): Messages, me: Me) -> StatusCode {
    messages.disconnect_users(&me.0.0, true);
    StatusCode::NO_CONTENT
}

//! Run with `cargo run --example tickets`: log in over REST, get a one-time ticket there, and connect with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use http::{StatusCode, header};
use tower_socketio::{Ack, Claims, MemoryTickets, Namespace, SocketIo, TicketLayer, tickets};

#[derive(Clone)]
struct User(String);

/// Who is logged in, by session. An app has its own way.
type Logins = Arc<Mutex<HashMap<String, User>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryTickets::<User>::new());
    let who = async |Claims(User(name)): Claims<User>| Ack(name);
    let io = SocketIo::builder()
        .allow_eio3(true)
        .connect_layer(TicketLayer::new(store.clone()).user(|User(name): &User| name.clone()))
        .namespace("/", Namespace::new().on("who", who))
        .namespace("/x", Namespace::new().on("who", who))
        .build()?;

    let logins = Logins::default();
    let member = Router::new()
        .route("/user/sockettoken", tickets::route(store, Duration::from_secs(5)))
        .route("/user/logout", post(logout))
        .layer(from_fn_with_state(logins.clone(), session));
    let app = Router::new()
        .route("/login", post(login))
        .merge(member)
        .with_state((io.clone(), logins))
        .layer(io.layer());

    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, app).await?)
}

type App = State<(SocketIo, Logins)>;

/// The body is the name; a password is left out here. The answer is the session, for the header `Authorization`.
async fn login(State((_, logins)): App, name: String) -> Result<String, StatusCode> {
    if name.is_empty() || name.len() > 50 {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let session = tickets::Ticket::random().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.into_string();
    logins.lock().expect("no panic holds it").insert(session.clone(), User(name));
    Ok(session)
}

/// The login layer: what it leaves in the request is what a ticket is made for.
async fn session(State(logins): State<Logins>, mut request: Request, next: Next) -> Response {
    let session = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let user = session.and_then(|session| logins.lock().expect("no panic holds it").get(session).cloned());
    if let Some(user) = user {
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

/// Ends all connections of the user.
async fn logout(State((io, logins)): App, user: Option<Extension<User>>) -> StatusCode {
    let Some(Extension(User(name))) = user else { return StatusCode::UNAUTHORIZED };
    logins.lock().expect("no panic holds it").retain(|_, User(other)| *other != name);
    io.to_user(name).disconnect(true);
    StatusCode::NO_CONTENT
}

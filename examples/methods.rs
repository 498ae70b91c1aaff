//! Run with `cargo run --example methods`: clients authenticate by an event and call methods, which may change meanwhile.

use axum::http::StatusCode;
use axum::routing::{delete, put};
use serde::{Deserialize, Serialize};
use tower_socketio::{
    Ack, Claims, ConfigError, Data, EventAuth, Handler, Methods, Namespace, Socket, SocketIo, State,
    WireError,
};

/// What a client sends with `authentication`: an access token and whom it is for.
#[derive(Deserialize)]
struct Credentials {
    id: String,
    #[serde(rename = "userId")]
    user: String,
}

/// Whom the token was made for.
#[derive(Clone, Serialize)]
struct User {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    skip: usize,
    limit: usize,
}

#[derive(Clone)]
struct Records(std::sync::Arc<[&'static str]>);

/// The methods of the name are the same everywhere in the program.
fn define() -> Result<Methods, ConfigError> {
    let methods = Methods::named("shop");
    methods.define("getProfile", async |Claims(user): Claims<User>| Ack(user))?;
    let records = Records(["apple", "banana", "cherry", "date"].into());
    methods.define("getRecords", get_records.with_state(records))?;
    // Looked up when it is called; `PUT /news` defines it.
    methods.define_late("getNews", &Methods::named("news"), "latest")?;
    Ok(methods)
}

async fn get_records(
    State(Records(all)): State<Records>,
    Data(Page { skip, limit }): Data<Page>,
) -> Result<Ack<Vec<&'static str>>, WireError> {
    if limit > 100 {
        return Err(WireError::text("at most 100 records"));
    }
    Ok(Ack(all.iter().skip(skip).take(limit).copied().collect()))
}

/// `Some` lets the client in, `None` and errors do not.
async fn authenticate(_: Socket, credentials: Credentials) -> Result<Option<User>, WireError> {
    let known = (&*credentials.id, &*credentials.user) == ("token-of-ada", "1");
    Ok(known.then(|| User { id: credentials.user, name: "Ada".into() }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let namespace = Namespace::new().event_auth(EventAuth::new(authenticate)).methods(&define()?);
    let io = SocketIo::builder().allow_eio3(true).namespace("/", namespace).build()?;
    let app = axum::Router::new()
        .route("/news", put(publish))
        .route("/methods/{name}", delete(remove))
        .layer(io.layer());
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, app).await?)
}

/// From the next call on, also for clients that are connected.
async fn publish(text: String) -> StatusCode {
    match Methods::named("news").define("latest", async move || Ack(text)) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::CONFLICT,
    }
}

async fn remove(axum::extract::Path(name): axum::extract::Path<String>) -> StatusCode {
    if Methods::named("shop").remove(&name) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

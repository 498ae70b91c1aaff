//! Run with `cargo run --example publisher`: two nodes in one process, events for both, and a route that publishes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tower_socketio::{
    Ack, Cluster, Data, LocalBus, Namespace, PublishError, PublishMessage, Publisher, Socket, SocketIo,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Between processes it is another bus.
    let bus = LocalBus::new();
    let key: Arc<str> = std::env::var("PUBLISH_KEY").unwrap_or_else(|_| "only for services".into()).into();
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let second =
        if port == 0 { 0 } else { port.checked_add(1).ok_or("no port is left for the second node")? };
    let (one, two) = (node(&bus)?, node(&bus)?);
    tokio::try_join!(serve(port, one, key.clone()), serve(second, two, key))?;
    Ok(())
}

fn node(bus: &LocalBus) -> Result<SocketIo, tower_socketio::ConfigError> {
    let blog = Namespace::new()
        .on("follow", async |socket: Socket| {
            socket.join("members");
            Ack(socket.id().to_owned())
        })
        .on("ArticleUpdated", updated);
    SocketIo::builder()
        .allow_eio3(true)
        .adapter(Cluster::new(bus.clone()))
        .namespace("/", Namespace::new())
        .namespace("/blog", blog)
        .build()
}

/// Serves its own members itself, then publishes to the other nodes. `socket.to("members").emit(..)` alone would reach
/// those on all nodes.
async fn updated(socket: Socket, Data(id): Data<String>) -> Result<(), PublishError> {
    socket.to("members").local().emit("ArticleUpdated", &id);
    let message = PublishMessage::new("ArticleUpdated", [id]).namespace("blog").room("members");
    Publisher::new(socket.io()).publish(&message)?;
    Ok(())
}

async fn serve(port: u16, io: SocketIo, key: Arc<str>) -> std::io::Result<()> {
    let app = Router::new()
        .route("/publish", post(publish))
        .route_layer(from_fn_with_state(key, services_only))
        .with_state(io.clone())
        .layer(io.layer());
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    axum::serve(listener, app).await
}

/// Whoever publishes speaks for the server, so this is for services that have the key.
async fn services_only(
    State(key): State<Arc<str>>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given.and_then(|given| given.strip_prefix("Bearer ")) {
        Some(given) if *given == *key => Ok(next.run(request).await),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

async fn publish(
    State(publisher): State<Publisher>,
    Json(message): Json<PublishMessage>,
) -> Result<StatusCode, PublishError> {
    publisher.publish_all(&message)?;
    Ok(StatusCode::ACCEPTED)
}

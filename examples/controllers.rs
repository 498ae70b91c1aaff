//! Run with `cargo run --example controllers`: a value of each socket whose methods are its handlers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};
use tower_socketio::{
    Ack, Args, Broadcast, ConnectRequest, Controller, ControllerSet, Data, DisconnectReason, Event,
    Namespace, ResultEnvelope, Socket, SocketIo, WireError,
};

/// One client of `/`, and how many events it has sent.
struct Client {
    socket: Socket,
    events: AtomicUsize,
}

impl Controller for Client {
    async fn open(cx: &mut ConnectRequest, state: &()) -> Result<Self, WireError> {
        Ok(Self { socket: cx.extract(state).await?, events: AtomicUsize::new(0) })
    }

    fn events(on: Namespace) -> Namespace {
        on.respond_with(ResultEnvelope) // answers are `{result}` or `{error}`
            .on_connect(Self::connect)
            .on("subscribe-to-channel", Self::subscribe)
            .on("general-message", Self::message)
            .on("general-message-forward", Self::forward)
            .any(Self::log)
            .on_disconnect(Self::disconnect)
    }
}

#[derive(Deserialize)]
struct Message {
    subject: Value,
    body: Value,
    receiver: Receiver,
    options: Option<Value>,
}

#[derive(Deserialize)]
struct Receiver {
    to: Vec<HashMap<String, String>>, // of which `id` counts
}

impl Client {
    async fn connect(self: Arc<Self>) {
        self.socket.join("room 1");
    }

    async fn subscribe(
        self: Arc<Self>,
        channels: Result<Data<Vec<String>>, WireError>,
    ) -> Result<(), WireError> {
        let Data(channels) = channels.map_err(|_| WireError::new("Channels data not appropriate"))?;
        self.socket.join(channels);
        Ok(())
    }

    /// The message is a text with JSON in it.
    async fn message(self: Arc<Self>, all: Broadcast, Args(args): Args) -> Result<Ack<usize>, WireError> {
        let text = args.first().and_then(Value::as_str).unwrap_or_default();
        let Message { subject, body, receiver, options } =
            serde_json::from_str(text).map_err(|_| WireError::new("Inappropriate message data"))?;
        let to: Vec<_> = receiver.to.into_iter().filter_map(|mut to| to.remove("id")).collect();
        if to.is_empty() {
            return Ok(Ack(0)); // no room at all would be everybody
        }
        let message = json!({ "subject": subject, "body": body, "options": options });
        Ok(Ack(all.to(to).emit("message", message).reached()))
    }

    async fn forward(self: Arc<Self>, everybody: Broadcast, Event(event): Event, Args(all): Args) {
        everybody.emit(&event, Args(all));
    }

    async fn log(self: Arc<Self>, Event(event): Event) {
        println!("{}: {event}", self.socket.id());
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    async fn disconnect(self: Arc<Self>, reason: DisconnectReason) {
        println!("{}: {reason} after {} events", self.socket.id(), self.events.load(Ordering::Relaxed));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let controllers = ControllerSet::new().add::<Client>(); // it lives in `/`, as it says nothing else
    let io = SocketIo::builder().allow_eio3(true).mount(controllers).build()?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(io.layer())).await?)
}

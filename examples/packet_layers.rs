//! Run with `cargo run --example packet_layers`: layers around connects and events that log, rename, refuse and measure.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tower::timeout::TimeoutLayer;
use tower_socketio::{
    Accepted, Ack, ConnectNext, ConnectRequest, Data, DeduplicateLayer, Extension, Namespace, Next,
    PacketRequest, Reply, Socket, SocketIo, State, WireError, connect, packet,
};

/// How often each event came, and how long it took in all.
#[derive(Clone, Default)]
struct Measures(Arc<Mutex<BTreeMap<String, (u32, Duration)>>>);

type Admitted = Result<Accepted, WireError>;

/// What a socket has passed.
#[derive(Clone, Default)]
struct Passed(Vec<&'static str>);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (measures, saved) = (Measures::default(), Arc::new(AtomicU32::new(0)));
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn(|request, next| admit("use", request, next)))
        .connect_layer(connect::from_fn(|request, next| admit("handshake", request, next)))
        .packet_layer(packet::from_fn(log))
        .packet_layer(packet::from_fn_with_state(measures.clone(), measure))
        .packet_layer(TimeoutLayer::new(Duration::from_secs(1)))
        .packet_layer(DeduplicateLayer::new(Duration::from_secs(60))) // for clients with the option `retries`
        .packet_layer(packet::from_fn(rename))
        .packet_layer(packet::from_fn(refuse))
        .on_connect(async |socket: Socket| pass(&socket, "connect"))
        .on("greet", async |Data(name): Data<String>| Ack(format!("hello, {name}")))
        .on("passed", async |Extension(Passed(all)): Extension<Passed>| Ack((all,)))
        .on("hang", async || std::future::pending::<()>().await)
        .on("fail", async || Err::<(), WireError>(std::io::Error::other("the password is 1234").into()))
        .on("save", async move || Ack(saved.fetch_add(1, Ordering::Relaxed) + 1))
        .on("count", async |State(measures): State<Measures>, Data(event): Data<String>| {
            let measures = measures.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ack(measures.get(&event).map_or(0, |(times, _)| *times))
        })
        .with_state(measures);
    let io = SocketIo::builder().allow_eio3(true).namespace("/", namespace).build()?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(io.layer())).await?)
}

fn pass(socket: &Socket, what: &'static str) {
    let mut passed = socket.extensions().get_or_default::<Passed>();
    passed.0.push(what);
    socket.extensions().insert(passed);
}

/// Whoever is refused by one is not seen by those behind it.
async fn admit(door: &'static str, request: ConnectRequest, next: ConnectNext) -> Admitted {
    pass(request.socket(), door);
    if request.query("deny") == Some(door) {
        return Err(WireError::new(format!("refused by {door}")).code("denied"));
    }
    next.run(request).await
}

async fn log(request: PacketRequest, next: Next) -> Reply {
    let (id, event) = (request.socket().id().to_owned(), request.event().to_owned());
    let reply = next.run(request).await;
    println!("{id} {event}: {}", reply.as_error().map_or("fine", WireError::message));
    reply
}

async fn measure(Measures(all): Measures, request: PacketRequest, next: Next) -> Reply {
    let (event, start) = (request.event().to_owned(), Instant::now());
    let reply = next.run(request).await;
    // Clients choose the names of their events: those beyond a hundred are not counted.
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() < 100 || all.contains_key(&event) {
        let (times, took) = all.entry(event).or_default();
        (*times, *took) = (*times + 1, *took + start.elapsed());
    }
    reply
}

async fn rename(mut request: PacketRequest, next: Next) -> Reply {
    let name = request.event().replace("hello", "greet");
    request.set_event(&name);
    next.run(request).await
}

async fn refuse(request: PacketRequest, next: Next) -> Reply {
    if request.event().starts_with("admin:") {
        return Reply::error(WireError::new("not for you").code("forbidden"));
    }
    next.run(request).await
}

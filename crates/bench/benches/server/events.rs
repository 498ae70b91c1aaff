//! One event of one client: read, dispatched through whatever layers there are, handled, answered.

use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use serde::{Deserialize, Serialize};
use tower::timeout::TimeoutLayer;
use tower_socketio::{Ack, Args, Data, Handler, Namespace, Next, PacketRequest, Socket, packet};
use tower_socketio_proto::websocket::{BINARY, write_header};

use super::wire::{Server, frame};

#[derive(Serialize, Deserialize)]
struct Move {
    id: u32,
    x: f64,
    y: f64,
    player: String,
}

const TEXT: &str = r#""0123456789abcdef""#;
const MOVE: &str = r#"{"id":4711,"x":12.5,"y":-3.75,"player":"somebody"}"#;

fn namespace() -> Namespace {
    Namespace::new()
        .on("echo", async |socket: Socket, Data(text): Data<String>| drop(socket.emit("echo", text)))
        .on("move", async |socket: Socket, Data(to): Data<Move>| drop(socket.emit("move", to)))
        .on("ack", async |Data(text): Data<String>| Ack(text))
        .on("part", async |Data(part): Data<Bytes>| Ack(part.len()))
        .on("later", async |Data(text): Data<String>| {
            tokio::task::yield_now().await;
            Ack(text)
        })
        .on("all", async |Data(Args(all)): Data<Args<(String, u32)>>| Ack(all.1))
}

/// What the measuring takes: the same bytes through a task that only gives them back.
#[divan::bench(sample_size = 100)]
fn floor(bencher: Bencher<'_, '_>) {
    let server = Server::new(Namespace::new());
    let wire = server.floor();
    let frame = frame(&format!(r#"42["echo",{TEXT}]"#));
    bencher.bench_local(|| server.run(frame.len(), || wire.send(&frame)));
}

#[divan::bench(sample_size = 100)]
fn echo(bencher: Bencher<'_, '_>) {
    measure(bencher, &Server::new(namespace()), &frame(&format!(r#"42["echo",{TEXT}]"#)), 1);
}

/// What is sent is a struct, and so is the answer.
#[divan::bench(sample_size = 100)]
fn echo_of_a_struct(bencher: Bencher<'_, '_>) {
    measure(bencher, &Server::new(namespace()), &frame(&format!(r#"42["move",{MOVE}]"#)), 1);
}

#[divan::bench(args = [4096, 65_536], sample_size = 100)]
fn echo_of_bytes(bencher: Bencher<'_, '_>, length: usize) {
    let text = "x".repeat(length);
    measure(bencher, &Server::new(namespace()), &frame(&format!(r#"42["echo","{text}"]"#)), 1);
}

/// Sixteen events come at once and are answered at once.
#[divan::bench(sample_size = 100)]
fn sixteen_echoes(bencher: Bencher<'_, '_>) {
    let frames = frame(&format!(r#"42["echo",{TEXT}]"#)).repeat(16);
    measure(bencher, &Server::new(namespace()), &frames, 16);
}

#[divan::bench(sample_size = 100)]
fn ack(bencher: Bencher<'_, '_>) {
    measure(bencher, &Server::new(namespace()), &frame(&format!(r#"420["ack",{TEXT}]"#)), 1);
}

/// The handler is not ready when it is first polled.
#[divan::bench(sample_size = 100)]
fn ack_later(bencher: Bencher<'_, '_>) {
    measure(bencher, &Server::new(namespace()), &frame(&format!(r#"420["later",{TEXT}]"#)), 1);
}

/// 1 KiB as an attachment.
#[divan::bench(sample_size = 100)]
fn ack_of_binary(bencher: Bencher<'_, '_>) {
    let mut frames = frame(r#"451-0["part",{"_placeholder":true,"num":0}]"#);
    let start = frames.len();
    write_header(&mut frames, BINARY, 1024);
    frames[start + 1] |= 0x80;
    frames.extend_from_slice(&[0; 4 + 1024]);
    measure(bencher, &Server::new(namespace()), &frames, 1);
}

/// Nobody handles it.
#[divan::bench(sample_size = 100)]
fn unknown_event(bencher: Bencher<'_, '_>) {
    measure(bencher, &Server::new(namespace()), &frame(r#"420["nothing"]"#), 1);
}

async fn pass(request: PacketRequest, next: Next) -> tower_socketio::Reply {
    next.run(request).await
}

/// Through one layer around all events.
#[divan::bench(sample_size = 100)]
fn ack_through_from_fn(bencher: Bencher<'_, '_>) {
    let server = Server::new(namespace().packet_layer(packet::from_fn(pass)));
    measure(bencher, &server, &frame(&format!(r#"420["ack",{TEXT}]"#)), 1);
}

/// Through three.
#[divan::bench(sample_size = 100)]
fn ack_through_three_from_fn(bencher: Bencher<'_, '_>) {
    let layered = namespace()
        .packet_layer(packet::from_fn(pass))
        .packet_layer(packet::from_fn(pass))
        .packet_layer(packet::from_fn(pass));
    measure(bencher, &Server::new(layered), &frame(&format!(r#"420["ack",{TEXT}]"#)), 1);
}

/// Through one of tower's own.
#[divan::bench(sample_size = 100)]
fn ack_through_timeout(bencher: Bencher<'_, '_>) {
    let server = Server::new(namespace().packet_layer(TimeoutLayer::new(Duration::from_secs(5))));
    measure(bencher, &server, &frame(&format!(r#"420["ack",{TEXT}]"#)), 1);
}

/// Through one around the handler alone.
#[divan::bench(sample_size = 100)]
fn ack_through_handler_timeout(bencher: Bencher<'_, '_>) {
    let handler = async |Data(text): Data<String>| Ack(text);
    let layered = Namespace::new().on("ack", handler.layer(TimeoutLayer::new(Duration::from_secs(5))));
    measure(bencher, &Server::new(layered), &frame(&format!(r#"420["ack",{TEXT}]"#)), 1);
}

/// Of so many events that have handlers, the last.
#[divan::bench(args = [1, 100], sample_size = 100)]
fn ack_among_handlers(bencher: Bencher<'_, '_>, handlers: usize) {
    let name = |n: usize| format!("event-{n}");
    let many = (0..handlers)
        .fold(Namespace::new(), |many, n| many.on(&name(n), async |Data(text): Data<String>| Ack(text)));
    let event = frame(&format!(r#"420["{}",{TEXT}]"#, name(handlers - 1)));
    measure(bencher, &Server::new(many), &event, 1);
}

/// A client that comes, enters `/`, and is there.
#[divan::bench(sample_size = 1, sample_count = 200)]
fn connect(bencher: Bencher<'_, '_>) {
    let server = Server::new(namespace());
    bencher.bench_local(|| server.client());
}

fn measure(bencher: Bencher<'_, '_>, server: &Server, frames: &[u8], events: usize) {
    let client = server.client();
    let answer = server.settle(&client, frames);
    server.reset();
    bencher.counter(ItemsCount::new(events)).bench_local(|| server.run(answer, || client.send(frames)));
}

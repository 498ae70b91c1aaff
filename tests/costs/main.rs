//! What a connection and an event cost the allocator of a server that is reached by TCP: bounds that hold on any machine.
//!
//! The server's runtime has one thread, so that all that is counted there is the server's; clients are threads' own.
#![cfg(feature = "axum")]

mod bounds;
mod client;
mod server;

use bounds::Bound;
use client::Client;
use http::header;
use server::Server;
use tower_socketio::{Ack, Builder, Data, Namespace, Socket, SocketIo};

const EVENTS: usize = 1000;

/// What Chromium sends beside what a WebSocket needs.
const BROWSER: &str = "Pragma: no-cache\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Origin: https://chat.example.com\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,fr;q=0.7\r\n\
    Cookie: session=eyJhbGciOiJIUzI1NiJ9.bWVtYmVyOjQyMTc.q0bqX2h4QyO0H7gq5mEw5Q; theme=dark; consent=1\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

#[test]
fn an_echo_costs_few_allocations() {
    let (event, answer) = (r#"42["echo","0123456789abcdef"]"#, r#"42["echo","0123456789abcdef"]"#);
    bounds::ECHO.hold(each_event(event, answer));
}

#[test]
fn an_acknowledgement_costs_few_allocations() {
    let (event, answer) = (r#"427["ack","0123456789abcdef"]"#, r#"437["0123456789abcdef"]"#);
    bounds::ACK.hold(each_event(event, answer));
}

/// How many allocations an event costs with its answer.
fn each_event(event: &str, answer: &str) -> f64 {
    let server = Server::start(builder());
    let mut client = server.client();
    client.ask(100, event, answer);
    let counted = server.count(|| client.ask(EVENTS, event, answer));
    // The event's arguments at least.
    assert!(counted.count_total >= EVENTS as u64, "not everything was counted");
    counted.count_total as f64 / EVENTS as f64
}

#[test]
fn an_emit_costs_no_allocation() {
    let server = Server::start(builder());
    let mut client = server.client();
    let emits = |client: &mut Client| {
        client.send(r#"42["emits"]"#);
        (0..EVENTS).for_each(|_| client.expect(r#"42["emit","0123456789abcdef"]"#));
    };
    emits(&mut client);
    let counted = server.count(|| emits(&mut client));
    assert!(counted.count_total >= 1, "nothing was counted");
    bounds::EMIT.hold(counted.count_total as f64 / EVENTS as f64);
}

#[test]
fn a_delivery_of_a_broadcast_costs_at_most_one_allocation() {
    deliveries(200, &bounds::DELIVERY);
}

#[test]
fn a_delivery_of_a_broadcast_to_few_costs_less() {
    deliveries(20, &bounds::DELIVERY_TO_FEW);
}

fn deliveries(room: usize, bound: &Bound) {
    const TIMES: usize = 200;
    let server = Server::start(builder());
    let mut clients: Vec<_> = (0..room).map(|_| server.client()).collect();
    let broadcast = |clients: &mut Vec<Client>, times: usize| {
        for _ in 0..times {
            clients[0].send(r#"42["shout","0123456789abcdef"]"#);
            clients.iter_mut().for_each(|client| client.expect(r#"42["shout","0123456789abcdef"]"#));
        }
    };
    broadcast(&mut clients, 20);
    let counted = server.count(|| broadcast(&mut clients, TIMES));
    assert!(counted.count_total >= TIMES as u64, "not everything was counted");
    bound.hold(counted.count_total as f64 / (TIMES * room) as f64);
}

#[test]
fn an_idle_connection_keeps_few_allocations_and_little_memory() {
    idle(builder(), "", &bounds::IDLE_BYTES, &bounds::IDLE_LIVE);
}

#[test]
fn an_idle_connection_with_a_browsers_headers_keeps_little_more() {
    let names = [header::USER_AGENT, header::ORIGIN, header::ACCEPT_LANGUAGE, header::COOKIE];
    idle(builder().keep_headers(names), BROWSER, &bounds::BROWSER_BYTES, &bounds::BROWSER_LIVE);
}

fn idle(builder: Builder, headers: &str, bytes: &Bound, live: &Bound) {
    const CLIENTS: usize = 1000;
    let server = Server::start(builder);
    let first = server.client_with(headers);
    let mut clients = Vec::new();
    let counted = server.count(|| clients.extend((0..CLIENTS).map(|_| server.client_with(headers))));
    let each_keeps = counted.bytes_current as f64 / CLIENTS as f64;
    assert!(each_keeps >= 100.0, "not everything was counted");
    bytes.hold(each_keeps);
    live.hold(counted.count_current as f64 / CLIENTS as f64);
    drop((first, clients));
}

fn builder() -> Builder {
    let namespace = Namespace::new()
        .on("echo", async |socket: Socket, Data(text): Data<String>| socket.emit("echo", text))
        .on("ack", async |Data(text): Data<String>| Ack(text))
        .on("emits", async |socket: Socket| {
            for _ in 0..EVENTS {
                socket.emit("emit", "0123456789abcdef");
            }
        })
        .on("shout", async |socket: Socket, Data(text): Data<String>| socket.namespace().emit("shout", text))
        .on("ready", async || {});
    SocketIo::builder().namespace("/", namespace)
}

//! Every example, started as a process on a free port and used by clients that know nothing but the protocol.
#![allow(clippy::unwrap_used, reason = "a test's helpers are tests, too")]

mod chat;
mod client;
#[cfg(all(feature = "tls", unix))]
mod host;
mod http2;
mod server;
mod tls;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use client::Client;
use server::{PATH, Server, example};

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_routes_push_to_rooms_and_users() {
    let server = Server::start("axum").await;
    let mut ada = server.enter("", r#"{"user":"ada"}"#).await;
    let mut guest = server.enter("", "").await;
    assert_eq!(server.http("POST", "/rooms/news", "", "nobody").await.0, 404);
    ada.ask("follow", "news").await;
    assert_eq!(server.http("POST", "/rooms/news", "", "It rains").await.0, 204);
    assert_eq!(ada.event("notice").await, [json!("It rains")]);
    assert_eq!(server.http("GET", "/rooms", "", "").await.2, r#"["news"]"#);

    assert_eq!(server.http("POST", "/users/ada", "", "a letter").await.0, 202);
    assert_eq!(ada.event("notice").await, [json!("a letter")]);
    ada.ask("follow", "do-not-disturb").await;
    assert_eq!(server.http("POST", "/users/ada", "", "another").await.0, 202);

    // The state is the same on both sides.
    assert_eq!(guest.ask("note", "by a socket").await, 1);
    assert_eq!(server.http("POST", "/notes", "", "by a route").await.2, "2");
    for client in [&mut ada, &mut guest] {
        assert_eq!(client.event("note").await, [json!("by a route")], "and no letter before it");
    }
    // The layer outside hears Socket.IO's requests, too.
    let (status, head, _) = server
        .http(
            "OPTIONS",
            "/socket.io/",
            "Origin: http://a.example\r\nAccess-Control-Request-Method: POST\r\n",
            "",
        )
        .await;
    assert_eq!(status, 200);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_refuses_by_a_header() {
    let server = Server::start("axum").await;
    let mut request = server.request(PATH);
    request.headers_mut().insert("x-banned", "yes".parse().unwrap());
    let mut client = Client::upgrade(server.connect().await, request).await;
    assert!(!client.connect("", "").await);
    assert_eq!(client.refusal, json!({"message": "you are banned", "data": {"code": "banned"}}));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_serves_polling_and_websockets_over_http2() {
    let server = Server::start("axum").await;
    let (mut sender, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    tokio::spawn(connection);
    let open = http2::fetch(&mut sender, "GET", "/socket.io/?EIO=4&transport=polling", "").await;
    let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    let session = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
    assert_eq!(http2::fetch(&mut sender, "POST", &session, "40").await, "ok");
    assert!(http2::fetch(&mut sender, "GET", &session, "").await.starts_with("40{"));
    assert_eq!(http2::fetch(&mut sender, "POST", &session, r#"421["note","by polling"]"#).await, "ok");
    assert!(http2::fetch(&mut sender, "GET", &session, "").await.contains("431[1]"));

    assert!(sender.is_extended_connect_protocol_enabled());
    let stream = http2::open_websocket(&mut sender).await;
    let mut client = Client::new(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);
    assert!(client.connect("", "").await);
    assert_eq!(client.ask("note", "by a WebSocket").await, 2);
}

#[tokio::test]
async fn hyper_serves_both_versions_of_http_on_one_port() {
    let server = Server::start("hyper").await;
    assert_eq!(server.http("GET", "/", "", "").await.2, "hello");
    let mut client = server.enter("", "").await;
    assert_eq!(client.ask("double", 21).await, 42);

    let (mut sender, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://localhost/").body(()).unwrap();
    let response = sender.send_request(request, true).unwrap().0.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // With its first response the server's settings have come.
    assert!(sender.is_extended_connect_protocol_enabled());
    for _ in 0..2 {
        let stream = http2::open_websocket(&mut sender).await;
        let ws = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let mut client = Client::new(ws);
        assert!(client.connect("", "").await);
        assert_eq!(client.ask("double", 4).await, 8);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn hyper_ends_by_an_interrupt() {
    let server = Server::start("hyper").await;
    let mut client = server.enter("", "").await;
    server.interrupt().await;
    client.closed().await;
    server.ended().await;
}

#[tokio::test]
async fn tls_carries_websockets() {
    let server = Server::start("tls").await;
    let tls = tls::connect(server.connect().await).await;
    let mut client = Client::upgrade(tls, server.request(PATH)).await;
    assert!(client.connect("", "").await);
    for text in ["short".to_owned(), "long".repeat(20_000)] {
        client.emit("echo", &text).await;
        assert_eq!(client.event("echo").await, [json!(text)]);
    }
}

#[tokio::test]
async fn typed_takes_and_gives_binary_inside_structs() {
    let server = Server::start("typed").await;
    let mut client = server.enter("", "").await;
    let upload = r#"2["upload",{"name":"a","bytes":{"_placeholder":true,"num":0}}]"#;
    client.send("51-", "0", &upload[1..]).await;
    client.ws.send(Message::Binary(Bytes::from_static(b"\x00\xff\x01"))).await.unwrap();
    assert_eq!(client.next().await, "30[3]");
    client.send("2", "1", r#"["download","a"]"#).await;
    assert_eq!(client.next().await, r#"61-1[{"name":"a","bytes":{"_placeholder":true,"num":0}}]"#);
    assert_eq!(
        client.ws.next().await.unwrap().unwrap(),
        Message::Binary(Bytes::from_static(b"\x00\xff\x01"))
    );
}

#[tokio::test]
async fn typed_tells_errors_and_lists_of_arguments() {
    let server = Server::start("typed").await;
    let mut client = server.enter("", "").await;
    let error = client.ask("download", "b").await;
    assert_eq!(error, json!({"error": {"message": "there is no file `b`", "code": "not_found"}}));
    assert_eq!(client.ask("try", "200").await, 200);
    assert_eq!(
        client.ask("try", "300").await,
        json!({"error": {"message": "internal error", "code": "internal"}})
    );
    assert_eq!(client.ask("parse", 7).await, false);
    client.send("2", "", r#"["move",1.5,-2.0]"#).await;
    assert_eq!(client.event("moved").await, [json!(1.5), json!(-2.0), Value::Null]);
    assert_eq!(client.event("at").await, [json!([1.5, -2.0])]);
    assert_eq!(client.event("pong").await, Vec::<Value>::new());
    client.send("2", "7", r#"["whatever",1,2,3]"#).await;
    assert_eq!(client.next().await, r#"37["whatever",3]"#);
}

#[tokio::test]
async fn acks_go_both_ways() {
    let server = Server::start("acks").await;
    let mut client = server.enter("", "").await;
    client.answer("language?", "Rust").await;
    assert_eq!(client.event("hello").await, [json!("hello, speaker of Rust")]);

    client.send("2", "0", r#"["ask","life"]"#).await;
    client.answer("question", 42).await;
    assert_eq!(client.next().await, "30[42]");
    assert_eq!(client.ask("later", ()).await, "it took a while");

    client.emit("enter", json!(["voters"])).await;
    assert_eq!(client.event("welcome").await, [json!(1)]);
    let mut silent = server.enter("", "").await;
    silent.emit("enter", json!(["voters"])).await;
    assert_eq!(client.event("entered").await, [json!(silent.id)]);
    client.send("2", "9", r#"["poll"]"#).await;
    client.answer("vote", true).await;
    assert_eq!(client.next().await, "39[1,1]");

    silent.emit("position", json!([1.0, 2.0])).await;
    silent.ws.close(None).await.unwrap();
    assert_eq!(client.event("left").await[1], "transport close");
}

#[tokio::test]
async fn namespaces_come_into_being_for_each_room() {
    let server = Server::start("namespaces").await;
    let mut ada = server.enter("/chat/a", "").await;
    let mut grace = server.enter("/chat/a", "").await;
    let mut linus = server.enter("/chat/b", "").await;
    assert_eq!(ada.event("welcome").await, [json!("a")]);
    assert_eq!(grace.event("welcome").await, [json!("a")]);
    assert_eq!(linus.event("welcome").await, [json!("b")]);
    ada.emit("name", "Ada").await;
    ada.emit("say", "hello").await;
    for client in [&mut ada, &mut grace] {
        assert_eq!(client.event("said").await, [json!("Ada"), json!("hello")]);
    }
    let mut staff = server.enter("/staff", r#"{"password":"open sesame"}"#).await;
    staff.emit("shout", "closing time").await;
    for client in [&mut ada, &mut grace, &mut linus] {
        assert_eq!(client.event("said").await, [json!("the staff"), json!("closing time")]);
    }
    for (namespace, auth, refusal) in [
        (
            "/staff",
            r#"{"password":"x"}"#,
            json!({"message": "wrong password", "data": {"code": "forbidden"}}),
        ),
        ("/chat/.x", "", json!({"message": "no such room", "data": {"code": "not_found"}})),
        ("/nowhere", "", json!({"message": "Invalid namespace"})),
    ] {
        let mut client = server.client().await;
        assert!(!client.connect(namespace, auth).await);
        assert_eq!(client.refusal, refusal);
    }
}

#[cfg(all(feature = "axum", target_os = "linux"))]
#[tokio::test]
async fn rooms_span_the_runtimes_of_all_cores() {
    let server = Server::start_with("runtime_per_core", &[("CORES", "3")]).await;
    let mut clients = Vec::new();
    let mut threads = std::collections::BTreeSet::new();
    // The kernel spreads them by their ports: of so many some are elsewhere.
    for _ in 0..40 {
        let mut client = server.enter("", "").await;
        threads.insert(client.ask("where", ()).await.as_str().unwrap().to_owned());
        clients.push(client);
    }
    assert!(threads.len() > 1, "all are on {threads:?}");
    assert!(threads.iter().all(|thread| thread.starts_with("core-")), "{threads:?}");
    for text in ["one", "two"] {
        clients[0].emit("say", text).await;
    }
    for client in &mut clients {
        for text in ["one", "two"] {
            assert_eq!(client.event("said").await, [json!(text)]);
        }
    }
    server.interrupt().await;
    for client in &mut clients {
        client.closed().await;
    }
    server.ended().await;
}

#[tokio::test]
async fn testing_passes() {
    let output = Command::new(example("testing")).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4 tests passed");
}

//! Options of the builder, as a client meets them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::SET_COOKIE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;
use tower_socketio::{
    Ack, Builder, Cookie, Data, Namespace, Overflow, SameSite, Socket, SocketIo, SocketIoService, TestClient,
    Transport, WireError,
};

use crate::support::{Raw, Test, dial};

fn io(set: impl FnOnce(Builder) -> Builder) -> SocketIo {
    let namespace = Namespace::new().on("echo", async |Data(value): Data<Value>| Ack(value));
    set(SocketIo::builder()).namespace("/", namespace).build().expect("it fits")
}

async fn request(io: &SocketIo, method: &str, query: &str, body: &str) -> Response<Bytes> {
    let uri = format!("/socket.io/?EIO=4&transport=polling{query}");
    let request = Request::builder().method(method).uri(uri).body(Full::new(Bytes::from(body.to_owned())));
    let service = SocketIoService::not_found(io.clone());
    let response = service.oneshot(request.expect("a request")).await.expect("an answer");
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.expect("a body").to_bytes())
}

async fn open(io: &SocketIo) -> (Response<Bytes>, Value) {
    let response = request(io, "GET", "", "").await;
    let open = response.body().strip_prefix(b"0").and_then(|json| serde_json::from_slice(json).ok());
    (response, open.unwrap_or_default())
}

#[tokio::test]
async fn the_open_packet_says_what_was_set() -> Test {
    let io = io(|builder| {
        builder
            .ping_interval(Duration::from_millis(3500))
            .ping_timeout(Duration::from_secs(2))
            .max_payload(777)
            .allow_upgrades(false)
    });
    let (_, open) = open(&io).await;
    assert_eq!((&open["pingInterval"], &open["pingTimeout"]), (&3500.into(), &2000.into()));
    assert_eq!((&open["maxPayload"], &open["upgrades"]), (&777.into(), &Value::Array(Vec::new())));
    Ok(())
}

#[tokio::test]
async fn session_ids_may_be_made_by_the_program() -> Test {
    let next = AtomicU32::new(0);
    let io = io(|builder| {
        builder.id_generator(move |parts| match parts.headers.get("x-id") {
            Some(id) => id.to_str().unwrap_or_default().to_owned(),
            None => format!("session-{}", next.fetch_add(1, Ordering::Relaxed) / 2),
        })
    });
    assert_eq!(open(&io).await.1["sid"], "session-0");
    let (taken, _) = open(&io).await;
    assert_eq!(taken.status(), StatusCode::BAD_REQUEST);
    assert_eq!(open(&io).await.1["sid"], "session-1");
    assert_eq!(io.connections(), 2);
    // The socket's id is no session's id.
    let mut raw = Raw::with(&io, 4096, "", &[("x-id", "mine")]).await;
    assert_ne!(raw.enter("/").await, "mine");
    for malformed in ["", "a b", "a;b", "ü"] {
        let request = Request::get("/socket.io/?EIO=4&transport=polling").header("x-id", malformed);
        let service = SocketIoService::not_found(io.clone());
        let response = service.oneshot(request.body(String::new())?).await?;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{malformed}");
    }
    Ok(())
}

#[tokio::test]
async fn headers_may_be_edited_of_the_first_and_of_every_response() -> Test {
    let io = io(|builder| {
        builder
            .initial_headers(|headers, _| drop(headers.insert("x-first", HeaderValue::from_static("1"))))
            .headers(|headers, parts| {
                let method = parts.method.as_str().parse().expect("a header");
                headers.insert("x-method", method);
            })
    });
    let (first, open) = open(&io).await;
    assert_eq!((&first.headers()["x-first"], &first.headers()["x-method"]), (&"1".parse()?, &"GET".parse()?));
    let sid = format!("&sid={}", open["sid"].as_str().expect("an id"));
    let post = request(&io, "POST", &sid, "40").await;
    assert_eq!(post.headers()["x-method"], "POST");
    assert!(!post.headers().contains_key("x-first"));
    let refused = request(&io, "GET", "&sid=unknown", "").await;
    assert_eq!((refused.status(), refused.headers()["x-method"].to_str()?), (StatusCode::BAD_REQUEST, "GET"));
    Ok(())
}

#[tokio::test]
async fn a_cookie_is_set_only_if_wanted_and_as_it_is_wanted() -> Test {
    let cookie = async |cookie: Option<Cookie>| {
        let io = io(|builder| match cookie {
            Some(cookie) => builder.cookie(cookie),
            None => builder,
        });
        let (response, open) = open(&io).await;
        let sid = open["sid"].as_str().expect("an id").to_owned();
        let cookie = response.headers().get(SET_COOKIE).map(|value| value.to_str().expect("text").to_owned());
        cookie.map(|cookie| cookie.replace(&sid, "SID"))
    };
    assert_eq!(cookie(None).await, None);
    let plain = cookie(Some(Cookie::new("io"))).await;
    assert_eq!(plain.as_deref(), Some("io=SID; Path=/; HttpOnly; SameSite=Lax"));
    let full = Cookie::new("lb")
        .path(Some("/live"))
        .http_only(false)
        .secure(true)
        .same_site(Some(SameSite::None))
        .max_age(Some(Duration::from_secs(60)));
    assert_eq!(
        cookie(Some(full)).await.as_deref(),
        Some("lb=SID; Max-Age=60; Path=/live; Secure; SameSite=None")
    );
    let bare = Cookie::new("lb").path(None).http_only(false).same_site(None);
    assert_eq!(cookie(Some(bare)).await.as_deref(), Some("lb=SID"));
    Ok(())
}

#[tokio::test]
async fn a_query_that_is_too_long_is_refused() -> Test {
    let io = io(|builder| builder.max_query(100));
    assert_eq!(request(&io, "GET", &format!("&x={}", "x".repeat(50)), "").await.status(), StatusCode::OK);
    assert_eq!(
        request(&io, "GET", &format!("&x={}", "x".repeat(100)), "").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(io.connections(), 1);
    Ok(())
}

#[tokio::test]
async fn too_many_packets_in_a_payload_close_the_session() -> Test {
    let io = io(|builder| builder.max_packets(3));
    for (packets, status) in [(3, StatusCode::OK), (4, StatusCode::BAD_REQUEST)] {
        let (_, open) = open(&io).await;
        let sid = format!("&sid={}", open["sid"].as_str().expect("an id"));
        let mut payload = "40".to_owned();
        for _ in 1..packets {
            payload += "\u{1e}42[\"echo\"]";
        }
        assert_eq!(request(&io, "POST", &sid, &payload).await.status(), status);
        let accepted = request(&io, "GET", &sid, "").await.body().starts_with(b"40{");
        assert_eq!(accepted, status == StatusCode::OK);
    }
    assert_eq!(io.of("/").count(), 1);
    Ok(())
}

#[tokio::test]
async fn too_many_attachments_close_the_connection() -> Test {
    let io = io(|builder| builder.max_attachments(2));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    let placeholder = |number: u32| format!(r#"{{"_placeholder":true,"num":{number}}}"#);
    raw.send(&format!(r#"452-0["echo",[{},{}]]"#, placeholder(0), placeholder(1))).await;
    raw.send_binary(&[1]).await;
    raw.send_binary(&[2]).await;
    assert_eq!(raw.next().await, "430[[[1],[2]]]");
    raw.send(r#"453-0["echo",1]"#).await;
    assert!(raw.maybe_next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_connection() -> Test {
    let io = io(|builder| builder.max_payload(1000));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(&format!(r#"420["echo","{}"]"#, "x".repeat(900))).await;
    assert!(raw.next().await.starts_with("430[\"xxx"));
    raw.send(&format!(r#"420["echo","{}"]"#, "x".repeat(1000))).await;
    assert!(raw.maybe_next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn transports_that_are_not_allowed_are_unknown() -> Test {
    let io = io(|builder| builder.transports([Transport::WebSocket]));
    let refused = request(&io, "GET", "", "").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(&refused.body()[..], br#"{"code":0,"message":"Transport unknown"}"#);
    Raw::open(&io).await.enter("/").await;
    Ok(())
}

#[tokio::test]
async fn the_server_may_be_told_whose_connection_it_serves() -> Test {
    let namespace =
        Namespace::new().on_connect(async |socket: Socket| socket.emit("you", socket.conn().address()));
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    let peer: SocketAddr = "192.0.2.1:7".parse()?;
    let service = SocketIoService::not_found(io).client_address(peer);
    let mut raw = Raw::over(dial(service, 4096), "", &[]).await;
    raw.enter("/").await;
    assert_eq!(raw.next().await, r#"42["you","192.0.2.1:7"]"#);
    Ok(())
}

#[tokio::test]
async fn requests_may_be_refused_before_the_handshake() -> Test {
    let io = io(|builder| builder.allow_request(|_| Err(WireError::new("not \"you\""))));
    let refused = request(&io, "GET", "", "").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(&refused.body()[..], br#"{"code":4,"message":"not \"you\""}"#);
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_largest_values_mean_without_end_and_panic_nowhere() -> Test {
    let io = io(|builder| {
        builder
            .ping_interval(Duration::MAX)
            .ping_timeout(Duration::MAX)
            .upgrade_timeout(Duration::MAX)
            .connect_timeout(Duration::MAX)
            .ack_timeout(Duration::MAX)
            .write_timeout(Duration::MAX)
            .close_grace(Duration::MAX)
            .max_payload(usize::MAX)
            .max_attachments(usize::MAX)
            .max_packets(usize::MAX)
            .max_namespaces(usize::MAX)
            .max_dynamic(usize::MAX)
            .max_query(usize::MAX)
            .send_budget(usize::MAX, Overflow::Disconnect)
            .receive_budget(usize::MAX)
            .max_in_flight(usize::MAX)
    });
    let mut client = TestClient::new(&io).connect("/").await?;
    assert_eq!(client.emit_with_ack::<u32>("echo", 1).await?, 1);
    let socket = io.socket(client.id()).expect("the socket is here");
    let asking = tokio::spawn(async move { socket.emit_with_ack::<u32>("q", "x".repeat(100_000)).await });
    client.answer::<String>("q", 2).await?;
    assert_eq!(asking.await??, 2);
    let mut answers = io.of("/").timeout(Duration::MAX).emit_with_ack::<u32>("q", ());
    client.answer::<()>("q", 3).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 3);
    let (_, polling) = open(&io).await;
    let sid = format!("&sid={}", polling["sid"].as_str().expect("an id"));
    assert_eq!(request(&io, "POST", &sid, "40").await.status(), StatusCode::OK);
    assert!(request(&io, "GET", &sid, "").await.body().starts_with(b"40{"));
    drop(client);
    io.drain(Duration::MAX / 4).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_smallest_values_panic_nowhere() -> Test {
    let short = Duration::from_nanos(1);
    let io = io(|builder| {
        builder
            .ack_timeout(short)
            .write_timeout(short)
            .close_grace(Duration::ZERO)
            .max_namespaces(1)
            .max_dynamic(0)
            .max_attachments(0)
            .send_budget(1, Overflow::DropNewest)
            .receive_budget(1)
            .max_in_flight(1)
    });
    let client = TestClient::new(&io).connect("/").await?;
    for n in 0..10 {
        assert_eq!(client.emit_with_ack::<u32>("echo", n).await?, n);
    }
    let socket = io.socket(client.id()).expect("the socket is here");
    assert!(socket.emit_with_ack::<u32>("q", ()).await.is_err());
    assert!(socket.timeout(Duration::ZERO).emit_with_ack::<u32>("q", ()).await.is_err());
    io.close().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

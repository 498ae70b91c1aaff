//! Whose connection it is: peers, proxies, and how many connections one address may have.

use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tower::ServiceExt;
use tower_socketio::{
    Ack, Builder, ClientIp, IpNet, Namespace, ProxyHeader, Secure, Socket, SocketIo, SocketIoService,
    WireError,
};

use crate::support::{Raw, Test, dial, idle, join, refusal, serve};

fn peer(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), 4711)
}

fn trusting() -> Builder {
    let nets: [IpNet; 2] = ["10.0.0.0/8", "2001:db8:7::/48"].map(|net| net.parse().expect("a net"));
    SocketIo::builder().trust_proxies(nets)
}

/// A namespace that tells a client whom it takes it for.
fn telling() -> Namespace {
    Namespace::new().on_connect(async |socket: Socket| {
        let conn = socket.conn();
        let peer = conn.address().map(|address| address.ip());
        socket.emit("you", (peer, conn.client_ip(), conn.is_secure()))
    })
}

async fn told(io: &SocketIo, from: &str, headers: &[(&'static str, &'static str)]) -> String {
    let service = SocketIoService::not_found(io.clone()).client_address(peer(from));
    let mut raw = Raw::over(dial(service, 4096), "", headers).await;
    raw.enter("/").await;
    raw.next().await.strip_prefix(r#"42["you","#).expect("an event").to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_says_whom_it_speaks_for() -> Test {
    let io = trusting().namespace("/", telling()).build()?;
    let list = [("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.1.1.1"), ("x-forwarded-proto", "https")];
    assert_eq!(told(&io, "10.0.0.1", &list).await, r#""10.0.0.1","192.0.2.7",true]"#);
    let several = [("x-forwarded-for", "2001:db8::1"), ("x-forwarded-for", "[2001:db8:7::2]:80")];
    assert_eq!(told(&io, "2001:db8:7::1", &several).await, r#""2001:db8:7::1","2001:db8::1",false]"#);
    assert_eq!(told(&io, "10.0.0.1", &[]).await, r#""10.0.0.1","10.0.0.1",false]"#);
    // The other header is not asked for.
    assert_eq!(
        told(&io, "10.0.0.1", &[("forwarded", "for=6.6.6.6")]).await,
        r#""10.0.0.1","10.0.0.1",false]"#
    );
    Ok(())
}

#[tokio::test]
async fn who_accepts_a_connection_says_whether_it_has_tls_and_a_trusted_proxy_knows_better() -> Test {
    let io = trusting().namespace("/", telling()).build()?;
    for (from, forwarded, scheme, said, secure) in [
        ("192.0.2.1", None, None, Some(true), true),
        ("192.0.2.1", Some("http"), None, Some(true), true),
        ("192.0.2.1", Some("https"), None, Some(false), false),
        ("192.0.2.1", None, Some("https"), Some(false), false),
        ("192.0.2.1", None, Some("https"), None, true),
        ("10.0.0.1", Some("http"), None, Some(true), false),
        ("10.0.0.1", Some("https"), None, Some(false), true),
        ("10.0.0.1", None, None, Some(true), true),
    ] {
        let service = SocketIoService::not_found(io.clone()).client_address(peer(from));
        let service = service.map_request(move |mut request: Request<_>| {
            if let Some(scheme) = scheme {
                // As HTTP/2 has it.
                let uri = format!("{scheme}://localhost{}", request.uri());
                *request.uri_mut() = uri.parse().expect("a URI");
            }
            if let Some(said) = said {
                request.extensions_mut().insert(Secure(said));
            }
            request
        });
        let headers: Vec<_> = forwarded.map(|scheme| ("x-forwarded-proto", scheme)).into_iter().collect();
        let mut raw = Raw::over(dial(service, 4096), "", &headers).await;
        raw.enter("/").await;
        let told = raw.next().await;
        assert!(
            told.ends_with(&format!(",{secure}]")),
            "{told} of {from}, {forwarded:?}, {scheme:?}, {said:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn forwarded_may_be_the_header() -> Test {
    let io = trusting().proxy_header(ProxyHeader::Forwarded).namespace("/", telling()).build()?;
    let header =
        [("forwarded", r#"for=6.6.6.6, for="[2001:db8::1]:99";proto=https"#), ("x-forwarded-for", "6.6.6.6")];
    assert_eq!(told(&io, "10.0.0.1", &header).await, r#""10.0.0.1","2001:db8::1",true]"#);
    Ok(())
}

#[tokio::test]
async fn headers_of_an_untrusted_peer_are_ignored() -> Test {
    let spoofed = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=6.6.6.6;proto=https"),
        ("x-real-ip", "6.6.6.6"),
    ];
    for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        let io = trusting().proxy_header(header).namespace("/", telling()).build()?;
        assert_eq!(told(&io, "192.0.2.1", &spoofed).await, r#""192.0.2.1","192.0.2.1",false]"#);
    }
    let io = serve(telling());
    assert_eq!(told(&io, "10.0.0.1", &spoofed).await, r#""10.0.0.1","10.0.0.1",false]"#);
    assert_eq!(told(&io, "::ffff:10.0.0.1", &spoofed).await, r#""::ffff:10.0.0.1","10.0.0.1",false]"#);
    Ok(())
}

#[tokio::test]
async fn hostile_headers_open_a_session_all_the_same() -> Test {
    let io = trusting().namespace("/", Namespace::new()).build()?;
    for pattern in [",", "\"", "\\\"", "10.1.1.1,", "for=", "\u{e4}", "["] {
        let value = pattern.repeat((1 << 20) / pattern.len());
        let mut request = handshake();
        request.headers_mut().append("x-forwarded-for", value.parse()?);
        request.headers_mut().append("x-forwarded-proto", value.parse()?);
        let response =
            SocketIoService::not_found(io.clone()).client_address(peer("10.0.0.1")).oneshot(request).await?;
        assert_eq!(response.status(), StatusCode::OK);
    }
    Ok(())
}

#[tokio::test]
async fn handlers_ask_for_the_address_and_are_refused_where_it_is_not_known() -> Test {
    let namespace = Namespace::new()
        .on("who", async |ClientIp(address): ClientIp| Ack(address.to_string()))
        .on("maybe", async |address: Option<ClientIp>| Ack(address.is_none()));
    let io = trusting().namespace("/", namespace).build()?;
    let client = join(&io).await;
    let (message, code) = refusal(client.emit_with_ack::<String>("who", ()).await);
    assert_eq!((&*message, code.as_deref()), ("your address is not known", Some("no_address")));
    assert!(client.emit_with_ack::<bool>("maybe", ()).await?);
    let service = SocketIoService::not_found(io.clone()).client_address(peer("10.0.0.1"));
    let mut raw = Raw::over(dial(service, 4096), "", &[("x-forwarded-for", "192.0.2.7")]).await;
    raw.enter("/").await;
    raw.send(r#"420["who"]"#).await;
    assert_eq!(raw.next().await, r#"430["192.0.2.7"]"#);
    Ok(())
}

// ---- connections per address

fn handshake() -> Request<Body> {
    Request::get("/socket.io/?EIO=4&transport=polling").body(Body::empty()).expect("a request")
}

/// Asks for a session by polling.
async fn poll(io: &SocketIo, from: &str, request: Request<Body>) -> (StatusCode, String) {
    let service = SocketIoService::not_found(io.clone()).client_address(peer(from));
    let response = service.oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

async fn status(io: &SocketIo, from: &str) -> u16 {
    poll(io, from, handshake()).await.0.as_u16()
}

/// Asks for a session by a WebSocket; an error is the status of a refusal.
async fn websocket(
    io: &SocketIo,
    from: &str,
) -> Result<tokio_tungstenite::WebSocketStream<tokio::io::DuplexStream>, u16> {
    let service = SocketIoService::not_found(io.clone()).client_address(peer(from));
    let request =
        "ws://localhost/socket.io/?EIO=4&transport=websocket".into_client_request().expect("a request");
    match tokio_tungstenite::client_async(request, dial(service, 4096)).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn limited(number: usize) -> Builder {
    trusting().max_connections_per_address(number).namespace("/", Namespace::new())
}

#[tokio::test(start_paused = true)]
async fn an_address_has_so_many_connections_of_either_transport() -> Test {
    let io = limited(2).build()?;
    assert_eq!(status(&io, "192.0.2.1").await, 200);
    let stream = websocket(&io, "192.0.2.1").await.map_err(|status| status.to_string())?;
    idle().await;
    assert_eq!(io.connections(), 2);
    let (refused, body) = poll(&io, "192.0.2.1", handshake()).await;
    assert_eq!((refused, &*body), (StatusCode::TOO_MANY_REQUESTS, "Too many connections"));
    assert_eq!(websocket(&io, "::ffff:192.0.2.1").await.err(), Some(429));
    assert_eq!(io.connections(), 2);
    assert_eq!(status(&io, "192.0.2.2").await, 200);
    drop(stream);
    idle().await;
    assert_eq!(status(&io, "192.0.2.1").await, 200);
    assert_eq!(status(&io, "192.0.2.1").await, 429);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn ipv6_is_counted_by_its_64() -> Test {
    let io = limited(1).build()?;
    assert_eq!(status(&io, "2001:db8::1").await, 200);
    assert_eq!(status(&io, "2001:db8::ffff:1").await, 429);
    assert_eq!(status(&io, "2001:db8:0:1::1").await, 200);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_each_client_is_counted() -> Test {
    let io = limited(1).build()?;
    let from = |client: &str| {
        let mut request = handshake();
        request.headers_mut().insert("x-forwarded-for", client.parse().expect("a value"));
        request
    };
    assert_eq!(poll(&io, "10.0.0.1", from("192.0.2.1")).await.0, 200);
    assert_eq!(poll(&io, "10.0.0.2", from("6.6.6.6, 192.0.2.1")).await.0, 429);
    assert_eq!(poll(&io, "10.0.0.1", from("192.0.2.2")).await.0, 200);
    // Without a proxy nobody hides behind another address.
    assert_eq!(poll(&io, "192.0.2.3", from("7.7.7.7")).await.0, 200);
    assert_eq!(poll(&io, "192.0.2.3", from("8.8.8.8")).await.0, 429);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_place_is_given_back_however_the_connection_ends() -> Test {
    let io = limited(1).allow_eio3(true).build()?;
    let from = "192.0.2.1";
    // The server closes.
    for _ in 0..3 {
        let mut stream = websocket(&io, from).await.map_err(|status| status.to_string())?;
        futures_util::SinkExt::send(&mut stream, Message::text("40")).await?;
        idle().await;
        assert_eq!(status(&io, from).await, 429);
        io.of("/").disconnect(true);
        drop(stream);
        idle().await;
    }
    // The client does not answer pings.
    assert_eq!(status(&io, from).await, 200);
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    // The client closes by polling.
    let (_, open) = poll(&io, from, handshake()).await;
    let open: serde_json::Value = serde_json::from_str(&open[1..])?;
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().ok_or("a sid")?);
    for packet in ["40", "1"] {
        assert_eq!(poll(&io, from, Request::post(&url).body(Body::from(packet))?).await.1, "ok");
    }
    idle().await;
    assert_eq!(status(&io, from).await, 200);
    // The whole server ends.
    assert_eq!(status(&io, from).await, 429);
    io.close().await;
    assert_eq!((io.connections(), status(&io, from).await), (0, 503));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_kept_keeps_no_place() -> Test {
    let io = limited(1).build()?;
    let mut stream = websocket(&io, "192.0.2.1").await.map_err(|status| status.to_string())?;
    futures_util::SinkExt::send(&mut stream, Message::text("40")).await?;
    idle().await;
    let kept = io.of("/").sockets().pop().ok_or("a socket")?;
    drop(stream);
    idle().await;
    assert!(!kept.is_connected());
    assert_eq!(status(&io, "192.0.2.1").await, 200);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_or_failed_handshake_takes_no_place() -> Test {
    let io = limited(1)
        .allow_request(|parts| match parts.headers.get("x-no") {
            Some(_) => Err(WireError::new("no")),
            None => Ok(()),
        })
        .id_generator(|parts| {
            let bad = parts.headers.contains_key("x-bad-id");
            if bad { "not an id".to_owned() } else { format!("{parts:p}") }
        })
        .build()?;
    let from = "192.0.2.1";
    for (name, answer) in [("x-no", 403), ("x-bad-id", 400)] {
        let mut request = handshake();
        request.headers_mut().insert(name, "1".parse()?);
        assert_eq!(poll(&io, from, request).await.0, answer);
    }
    let old = Request::get("/socket.io/?EIO=3&transport=polling").body(Body::empty())?;
    assert_eq!(poll(&io, from, old).await.0, 400);
    // A WebSocket that cannot be one: no key, then no way to upgrade.
    for key in [None, Some("dGhlIHNhbXBsZSBub25jZQ==")] {
        let mut request = Request::get("/socket.io/?EIO=4&transport=websocket")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13");
        if let Some(key) = key {
            request = request.header("sec-websocket-key", key);
        }
        assert_eq!(poll(&io, from, request.body(Body::empty())?).await.0, 400);
    }
    // A WebSocket whose client is gone before it is one.
    let service = SocketIoService::not_found(io.clone()).client_address(peer(from));
    let mut bytes = dial(service, 4096);
    let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut bytes, head.as_bytes()).await?;
    drop(bytes);
    idle().await;
    assert_eq!(io.connections(), 0);
    assert_eq!(status(&io, from).await, 200);
    assert_eq!(status(&io, from).await, 429);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_from_polling_takes_no_second_place() -> Test {
    let io = limited(1).build()?;
    let from = "192.0.2.1";
    let (_, open) = poll(&io, from, handshake()).await;
    let open: serde_json::Value = serde_json::from_str(&open[1..])?;
    let service = SocketIoService::not_found(io.clone()).client_address(peer(from));
    let sid = open["sid"].as_str().ok_or("a sid")?;
    let url = format!("ws://localhost/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let (mut stream, _) =
        tokio_tungstenite::client_async(url.into_client_request()?, dial(service, 4096)).await?;
    for packet in ["2probe", "5", "40"] {
        futures_util::SinkExt::send(&mut stream, Message::text(packet)).await?;
    }
    idle().await;
    assert_eq!(io.of("/").sockets().len(), 1);
    assert!(io.of("/").sockets()[0].conn().is_upgraded());
    assert_eq!(status(&io, from).await, 429);
    drop(stream);
    idle().await;
    assert_eq!(status(&io, from).await, 200);
    Ok(())
}

#[tokio::test]
async fn where_the_address_shows_late_the_websocket_is_closed() -> Test {
    let io = limited(1).build()?;
    let app = axum::Router::new().layer(io.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let _first = Raw::over(tokio::net::TcpStream::connect(server).await?, "", &[]).await;
    let request = "ws://localhost/socket.io/?EIO=4&transport=websocket".into_client_request()?;
    let stream = tokio::net::TcpStream::connect(server).await?;
    let (mut second, _) = tokio_tungstenite::client_async(request, stream).await?;
    let closed = futures_util::StreamExt::next(&mut second).await.ok_or("nothing came")??;
    let Message::Close(Some(frame)) = closed else { panic!("{closed}") };
    assert_eq!(u16::from(frame.code), 1013);
    assert_eq!(io.connections(), 1);
    serving.abort();
    Ok(())
}

#[tokio::test]
async fn what_other_nodes_are_told_of_a_client_has_nodes_fields() -> Test {
    let io = trusting()
        .keep_headers([http::header::ORIGIN, http::header::USER_AGENT])
        .namespace("/", Namespace::new())
        .build()?;
    let service = SocketIoService::not_found(io.clone()).client_address(peer("10.0.0.1"));
    let headers = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("origin", "https://example.com"),
        ("user-agent", "test"),
        ("cookie", "secret=1"),
    ];
    let mut raw = Raw::over(dial(service, 4096), "&a=b%20c&a=d", &headers).await;
    raw.enter("/").await;
    let remote = io.of("/").fetch_sockets().await?.pop().ok_or("a socket")?;
    let handshake: serde_json::Value = serde_json::from_slice(&remote.handshake)?;
    let issued = handshake["issued"].as_u64().ok_or("a time")?;
    assert!(issued > 1_700_000_000_000);
    let time = handshake["time"].as_str().ok_or("a time")?;
    assert!(time.ends_with(" GMT+0000 (Coordinated Universal Time)"), "{time}");
    let expected = json!({
        "address": "192.0.2.7",
        "auth": {},
        "headers": {"origin": "https://example.com", "user-agent": "test"},
        "issued": issued,
        "query": {"EIO": "4", "transport": "websocket", "a": ["b c", "d"]},
        "secure": true,
        "time": time,
        "url": "/socket.io/?EIO=4&transport=websocket&a=b%20c&a=d",
        "xdomain": true,
    });
    assert_eq!(handshake, expected);
    Ok(())
}

//! Packets in WebSocket frames, and the HTTP request before them (D2).

use crate::client::{End, Frame, Packet, Request, Transport, Version, WebSocket, fetch, opcode};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::{reference, server};

in_both_versions![
    text_is_echoed,
    binary_is_echoed,
    binary_is_base64_where_the_client_asks_for_it,
    binary_may_come_in_base64,
    messages_of_every_header_size_are_echoed,
    frames_may_follow_the_request_at_once,
    header_names_and_tokens_have_no_case,
    no_extension_is_negotiated_by_itself,
    a_request_which_is_no_websocket_handshake_is_refused,
    a_packet_of_no_known_type_closes_the_connection,
    packets_which_mean_nothing_to_a_server_are_ignored,
    a_close_packet_closes_at_once,
    a_connection_that_breaks_off_ends_the_session,
];

async fn text_is_echoed(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    websocket.send_text(r#"42["message","€😀"]"#).await;
    assert_eq!(websocket.text().await, r#"42["message-back","€😀"]"#);
}

async fn binary_is_echoed(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    let data: Vec<u8> = (0..=255).collect();
    websocket.send_text(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
    websocket.send_packet(&Packet::binary(data.clone())).await;
    assert_eq!(websocket.text().await, r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(websocket.packet().await, Packet::binary(data));
}

async fn binary_is_base64_where_the_client_asks_for_it(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::open_with(server.address, version, "&b64=1").await;
    websocket.join().await;
    websocket.send_text(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
    websocket.send_packet(&Packet::binary([1, 2, 3])).await;
    assert_eq!(websocket.text().await, r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(websocket.text().await, if version == Version::Four { "bAQID" } else { "b4AQID" });
}

async fn binary_may_come_in_base64(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    websocket.send_text(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
    websocket.send_text(&Packet::binary([1, 2, 3]).encode(version)).await;
    assert_eq!(websocket.text().await, r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(websocket.packet().await, Packet::binary([1, 2, 3]));
}

/// The length of a frame has one, three or nine bytes; the echo is five bytes longer.
async fn messages_of_every_header_size_are_echoed(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    let overhead = r#"42["message",""]"#.len();
    for length in [119, 120, 121, 125, 126, 127, 4_096, 65_530, 65_531, 65_535, 65_536, 400_000] {
        let text = "x".repeat(length - overhead);
        websocket.send_text(&format!(r#"42["message","{text}"]"#)).await;
        assert_eq!(websocket.text().await, format!(r#"42["message-back","{text}"]"#));
    }
    // Nothing of the big ones stays behind.
    websocket.assert_alive().await;
}

async fn frames_may_follow_the_request_at_once(version: Version) {
    if version == Version::Four && reference() {
        // The reference does not listen yet, and never hears of the CONNECT.
        return;
    }
    let server = server(Options::default()).await;
    let request = WebSocket::request(&version.target(Transport::WebSocket));
    let mut frames = Vec::new();
    if version == Version::Four {
        frames.push(Frame::text("40"));
    }
    frames.push(Frame::ping("early"));
    let frames: Vec<_> = frames.iter().flat_map(Frame::encode).collect();
    let attempt = WebSocket::attempt(server.address, version, &request.body(frames)).await;
    let mut websocket = attempt.expect("an upgrade");
    let (mut pongs, mut packets) = (Vec::new(), Vec::new());
    while packets.len() < 3 || pongs.is_empty() {
        let frame = websocket.frame().await;
        let payload = String::from_utf8(frame.payload).expect("UTF-8");
        if frame.opcode == opcode::PONG { pongs.push(payload) } else { packets.push(payload) }
    }
    assert_eq!(pongs, ["early"]);
    assert!(packets[0].starts_with(r#"0{"sid":"#) && packets[1].starts_with("40"), "{packets:?}");
    assert_eq!(packets[2], r#"42["auth",{}]"#);
    websocket.assert_alive().await;
}

async fn header_names_and_tokens_have_no_case(version: Version) {
    let server = server(Options::default()).await;
    let request = Request::get(&version.target(Transport::WebSocket))
        .header("connection", "keep-alive, UPGRADE")
        .header("UPGRADE", "WebSocket")
        .header("sec-websocket-version", "13")
        .header("SEC-WEBSOCKET-KEY", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut websocket = WebSocket::attempt(server.address, version, &request).await.expect("an upgrade");
    assert_eq!(websocket.response.status_line, "HTTP/1.1 101 Switching Protocols");
    for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
        let header = websocket.response.header(name).map(str::to_ascii_lowercase);
        assert_eq!(header.as_deref(), Some(value));
    }
    assert!(websocket.text().await.starts_with('0'));
}

async fn no_extension_is_negotiated_by_itself(version: Version) {
    let server = server(Options::default()).await;
    let offer = "permessage-deflate; client_max_window_bits";
    let request = WebSocket::request(&version.target(Transport::WebSocket));
    let request = request.header("Sec-WebSocket-Extensions", offer);
    let websocket = WebSocket::attempt(server.address, version, &request).await.expect("an upgrade");
    assert_eq!(websocket.response.header("sec-websocket-extensions"), None);
}

async fn a_request_which_is_no_websocket_handshake_is_refused(version: Version) {
    let server = server(Options::default()).await;
    let request = WebSocket::request(&version.target(Transport::WebSocket));
    for (what, request) in [
        ("no key", request.clone().without("Sec-WebSocket-Key")),
        ("a short key", request.clone().header("Sec-WebSocket-Key", "abc")),
        ("no version", request.clone().without("Sec-WebSocket-Version")),
        ("another version", request.clone().header("Sec-WebSocket-Version", "12")),
        ("another protocol", request.clone().header("Upgrade", "h2c")),
    ] {
        let response = WebSocket::attempt(server.address, version, &request).await.expect_err(what);
        assert!(response.status == 400 || response.status == 426, "{what}: {response:?}");
    }
}

async fn a_packet_of_no_known_type_closes_the_connection(version: Version) {
    let server = server(Options::default()).await;
    for packet in ["", "7", "9", "abc", " 42", "\u{0}", "é"] {
        let mut websocket = WebSocket::joined(server.address, version).await;
        websocket.send_text(packet).await;
        // A Close frame of the server's own carries no code.
        assert_eq!(websocket.end().await, End::Close(None), "{packet:?}");
    }
}

async fn packets_which_mean_nothing_to_a_server_are_ignored(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    websocket.send_text("6").await;
    if version == Version::Four {
        for _ in 0..5 {
            websocket.send_text("3").await;
        }
    }
    websocket.assert_alive().await;
}

async fn a_close_packet_closes_at_once(version: Version) {
    // The reference ignores the packet, and closes when the client stops to answer pings.
    let options = if reference() { Options::quick_heartbeat() } else { Options::default() };
    let server = server(options).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    websocket.send_text("1").await;
    let end = loop {
        match websocket.packet_or_end().await {
            Err(end) => break end,
            Ok(packet) => assert!(reference() && packet == Packet::text("2"), "{packet:?}"),
        }
    };
    assert_eq!(end, End::Close(None));
}

async fn a_connection_that_breaks_off_ends_the_session(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::connect(server.address, version, "").await;
    let open = websocket.text().await;
    let sid = open[r#"0{"sid":""#.len()..][..20].to_owned();
    drop(websocket);
    let target = format!("{}&sid={sid}", version.target(Transport::Polling));
    loop {
        let response = fetch(server.address, &Request::get(&target)).await;
        assert_eq!(response.status, 400, "{response:?}");
        if response.is_unknown_session() {
            break;
        }
    }
}

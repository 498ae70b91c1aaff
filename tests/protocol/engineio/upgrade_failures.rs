//! Upgrades that come to nothing: the session goes on by polling (D3, D38).

use std::time::Duration;

use crate::client::{End, Frame, Packet, Polling, Transport, Version, WebSocket};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::server;

in_both_versions![
    garbage_closes_the_probe_alone,
    a_broken_frame_closes_the_probe_alone,
    a_probe_that_breaks_off_leaves_the_session_alone,
    a_silent_probe_is_closed_in_time,
    a_probe_that_never_switches_is_closed_in_time,
    a_second_probe_leaves_the_first_alone,
    an_upgraded_session_takes_no_second_websocket,
    a_session_which_ends_takes_its_probe_along,
];

async fn garbage_closes_the_probe_alone(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for garbage in ["2", "2prob", "2probe2", "3probe", "4hello", "40", "6", "1", "abc", ""] {
        let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
        websocket.send_text(garbage).await;
        assert_eq!(websocket.end().await, End::Close(None), "{garbage:?}");
        session.assert_alive().await;
    }
    // Also where the upgrade was under way.
    for garbage in ["4hello", "2", "abc"] {
        let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
        websocket.send_text("2probe").await;
        assert_eq!(websocket.text().await, "3probe");
        websocket.send_text(garbage).await;
        assert_eq!(websocket.end().await, End::Close(None), "{garbage:?}");
        assert_polls(&mut session).await;
    }
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send(&Frame::binary([4, 1, 2, 3])).await;
    assert_eq!(websocket.end().await, End::Close(None));
    assert_polls(&mut session).await;
}

async fn a_broken_frame_closes_the_probe_alone(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send(&Frame::text("2probe").unmasked()).await;
    assert_eq!(websocket.end().await, End::Close(Some(1002)));
    assert_polls(&mut session).await;
}

async fn a_probe_that_breaks_off_leaves_the_session_alone(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for _ in 0..2 {
        let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
        websocket.send_text("2probe").await;
        assert_eq!(websocket.text().await, "3probe");
        websocket.send(&Frame::close(1000, "")).await;
        assert_eq!(websocket.end().await, End::Close(Some(1000)));
        assert_polls(&mut session).await;
    }
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5")]).await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.assert_alive().await;
}

async fn a_silent_probe_is_closed_in_time(version: Version) {
    let options = Options { upgrade_timeout: Duration::from_millis(200), ..Options::default() };
    let server = server(options).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    assert_eq!(websocket.end().await, End::Close(None));
    session.assert_alive().await;
}

async fn a_probe_that_never_switches_is_closed_in_time(version: Version) {
    let options = Options { upgrade_timeout: Duration::from_millis(200), ..Options::default() };
    let server = server(options).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    assert_eq!(websocket.end().await, End::Close(None));
    assert_polls(&mut session).await;

    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5")]).await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.assert_alive().await;
}

async fn a_second_probe_leaves_the_first_alone(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    assert_no_websocket(&session, &server).await;
    websocket.send_text("5").await;
    websocket.assert_alive().await;
}

async fn an_upgraded_session_takes_no_second_websocket(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5")]).await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.assert_alive().await;
    assert_no_websocket(&session, &server).await;
    websocket.assert_alive().await;
}

async fn a_session_which_ends_takes_its_probe_along(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    session.post_text("1").await;
    assert_eq!(websocket.end().await, End::Close(None));
    session.assert_gone().await;
}

/// Asserts that the session goes on by polling; a poll of before may still be sent home.
async fn assert_polls(session: &mut Polling) {
    session.post_text(r#"42["message","still here"]"#).await;
    let mut packets = session.poll().await;
    while packets == [Packet::text("6")] {
        packets = session.poll().await;
    }
    assert_eq!(packets, [Packet::text(r#"42["message-back","still here"]"#)]);
}

/// Asserts that one more WebSocket for the session is refused: before the upgrade or right after it.
async fn assert_no_websocket(session: &Polling, server: &crate::support::Running) {
    let target = format!("{}&sid={}", session.version.target(Transport::WebSocket), session.sid);
    let request = WebSocket::request(&target);
    match WebSocket::attempt(server.address, session.version, &request).await {
        Ok(mut websocket) => assert_eq!(websocket.end().await, End::Close(None)),
        Err(response) => assert_eq!(response.status, 400, "{response:?}"),
    }
}

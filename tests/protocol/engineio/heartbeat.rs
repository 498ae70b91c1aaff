//! Heartbeats, which the server starts in version 4 and the client in version 3 (D5).

use std::time::{Duration, Instant};

use crate::client::{End, Link, Packet, Polling, Version, Way, WebSocket};
use crate::matrix::{
    in_both_versions, in_both_ways_of_engine_io_3, in_both_ways_of_engine_io_4, in_every_way,
};
use crate::options::Options;
use crate::support::{reference, server};

const INTERVAL: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_millis(200);

/// Timers may be a little early by another clock.
const TOLERANCE: Duration = Duration::from_millis(20);

in_both_ways_of_engine_io_4![the_server_pings_after_each_interval];

async fn the_server_pings_after_each_interval(way: Way) {
    let server = server(Options::quick_heartbeat()).await;
    let mut link = Link::joined(server.address, way).await;
    for _ in 0..3 {
        let before = Instant::now();
        assert_eq!(link.text().await, "2");
        link.send("3").await;
        assert!(before.elapsed() > INTERVAL - INTERVAL / 3, "{:?}", before.elapsed());
    }
    link.assert_alive().await;
}

in_both_ways_of_engine_io_3![the_server_answers_pings, a_client_that_pings_stays];

async fn the_server_answers_pings(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("2").await;
    assert_eq!(link.text().await, "3");
    // Only a probe is answered with its data.
    link.send("2probe").await;
    assert_eq!(link.text().await, "3");
    link.assert_alive().await;
}

async fn a_client_that_pings_stays(way: Way) {
    let server = server(Options::quick_heartbeat()).await;
    let mut link = Link::joined(server.address, way).await;
    let joined = Instant::now();
    let mut pause = tokio::time::interval(INTERVAL);
    while joined.elapsed() < 3 * (INTERVAL + TIMEOUT) {
        pause.tick().await;
        link.send("2").await;
        // No ping of the server's comes in between.
        assert_eq!(link.text().await, "3");
    }
    link.assert_alive().await;
}

in_every_way![a_silent_client_is_dropped_in_time, a_heartbeat_in_the_wrong_direction_closes_the_session];

async fn a_silent_client_is_dropped_in_time(way: Way) {
    let server = server(Options::quick_heartbeat()).await;
    let before = Instant::now();
    let mut link = Link::joined(server.address, way).await;
    if way.version == Version::Four {
        assert_eq!(link.text().await, "2");
    }
    link.assert_ends().await;
    let time = before.elapsed();
    assert!(time > INTERVAL + TIMEOUT - TOLERANCE, "{time:?}");
    assert!(time < 4 * (INTERVAL + TIMEOUT), "{time:?}");
}

async fn a_heartbeat_in_the_wrong_direction_closes_the_session(way: Way) {
    let server = server(Options::default()).await;
    let heartbeat = if way.version == Version::Four { "2" } else { "3" };
    let link = Link::joined(server.address, way).await;
    link.assert_closed_by(&[Packet::text(heartbeat)]).await;
}

in_both_versions![a_client_that_falls_silent_after_its_upgrade_is_dropped_in_time];

async fn a_client_that_falls_silent_after_its_upgrade_is_dropped_in_time(version: Version) {
    let server = server(Options::quick_heartbeat()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = upgraded(&session, server.address).await;
    if version == Version::Three && reference() {
        // The reference forgets the deadline of version 3 as it upgrades.
        return;
    }
    if version == Version::Four {
        assert_eq!(websocket.text().await, "2");
    }
    let before = Instant::now();
    assert_eq!(websocket.end().await, End::Close(None));
    assert!(before.elapsed() < 4 * (INTERVAL + TIMEOUT), "{:?}", before.elapsed());
    session.assert_gone().await;
}

#[tokio::test]
async fn a_ping_on_its_way_during_the_upgrade_has_to_be_answered() {
    if reference() {
        // The reference forgets it, and pings no more.
        return;
    }
    let server = server(Options::quick_heartbeat()).await;
    let mut session = Polling::open(server.address, Version::Four).await;
    session.join().await;
    assert_eq!(session.poll().await, [Packet::text("2")]);
    let mut websocket = upgraded(&session, server.address).await;
    assert_eq!(websocket.end().await, End::Close(None));
}

#[tokio::test]
async fn an_upgraded_client_may_answer_the_ping_it_got_by_polling() {
    let server = server(Options::quick_heartbeat()).await;
    let mut session = Polling::open(server.address, Version::Four).await;
    session.join().await;
    assert_eq!(session.poll().await, [Packet::text("2")]);
    let mut websocket = upgraded(&session, server.address).await;
    for _ in 0..2 {
        websocket.send_text("3").await;
        assert_eq!(websocket.text().await, "2");
    }
    websocket.send_text("3").await;
    websocket.assert_alive().await;
}

#[tokio::test]
async fn heartbeats_pass_between_an_event_and_its_attachment() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Three).await;
    websocket.send_text(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
    websocket.send_text("2").await;
    assert_eq!(websocket.text().await, "3");
    websocket.send_packet(&Packet::binary([1])).await;
    assert_eq!(websocket.text().await, r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(websocket.packet().await, Packet::binary([1]));
}

async fn upgraded(session: &Polling, address: std::net::SocketAddr) -> WebSocket {
    let mut websocket = WebSocket::probe(address, session.version, &session.sid).await;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5")]).await;
    assert_eq!(websocket.text().await, "3probe");
    websocket
}

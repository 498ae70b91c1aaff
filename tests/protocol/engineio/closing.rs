//! The end of a session, by the client, by the server, or because nobody joined (D36, D38).

use std::time::{Duration, Instant};

use crate::client::{End, Link, Packet, Polling, Version, Way, WebSocket};
use crate::matrix::{in_both_versions, in_both_ways_of_engine_io_4, in_every_way};
use crate::options::Options;
use crate::support::server;

in_both_versions![
    a_close_packet_by_polling_answers_the_parked_poll_with_a_noop,
    a_close_packet_by_polling_ends_a_session_without_a_poll,
    nothing_behind_a_close_packet_is_heard,
    a_server_that_quits_answers_the_parked_poll_with_close,
    a_server_that_quits_tells_a_client_at_its_next_poll,
    a_server_that_quits_closes_the_websocket_without_a_code,
];

async fn a_close_packet_by_polling_answers_the_parked_poll_with_a_noop(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    session.post_text("1").await;
    assert_eq!(session.parked_packets().await, [Packet::text("6")]);
    session.assert_gone().await;
}

async fn a_close_packet_by_polling_ends_a_session_without_a_poll(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.post_text("1").await;
    session.assert_gone().await;
}

/// `upstream: 6␞1`, and an event on each side.
async fn nothing_behind_a_close_packet_is_heard(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    session.post(&[Packet::text("6"), Packet::text("1"), Packet::text(r#"42["message"]"#)]).await;
    assert_eq!(session.parked_packets().await, [Packet::text("6")]);
    session.assert_gone().await;
}

async fn a_server_that_quits_answers_the_parked_poll_with_close(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    session.post_text(r#"42["quit"]"#).await;
    let packets = session.parked_packets().await;
    assert_quits(session, packets).await;
}

async fn a_server_that_quits_tells_a_client_at_its_next_poll(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.post_text(r#"42["quit"]"#).await;
    session.settle().await;
    let packets = session.poll().await;
    assert_quits(session, packets).await;
}

/// The end of the namespace and that of the session may come by one poll or by two, the second with a NOOP.
async fn assert_quits(mut session: Polling, mut packets: Vec<Packet>) {
    if packets == [Packet::text("41")] {
        packets.extend(session.poll().await.into_iter().filter(|packet| *packet != Packet::text("6")));
    }
    assert_eq!(packets, [Packet::text("41"), Packet::text("1")]);
    session.assert_gone().await;
}

async fn a_server_that_quits_closes_the_websocket_without_a_code(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    websocket.send_text(r#"42["quit"]"#).await;
    assert_eq!(websocket.text().await, "41");
    assert_eq!(websocket.end().await, End::Close(None));
}

in_both_ways_of_engine_io_4![
    a_client_which_joins_nothing_is_dropped_in_time,
    a_client_which_joins_nothing_but_a_refusal_is_dropped_in_time,
];

async fn a_client_which_joins_nothing_is_dropped_in_time(way: Way) {
    let options = Options { connect_timeout: Duration::from_millis(200), ..Options::default() };
    let server = server(options).await;
    let before = Instant::now();
    let mut link = Link::open(server.address, way).await;
    link.assert_ends().await;
    let time = before.elapsed();
    assert!(time > Duration::from_millis(180) && time < Duration::from_secs(2), "{time:?}");
}

async fn a_client_which_joins_nothing_but_a_refusal_is_dropped_in_time(way: Way) {
    let options = Options { connect_timeout: Duration::from_millis(200), ..Options::default() };
    let server = server(options).await;
    let mut link = Link::open(server.address, way).await;
    link.send("40/closed,").await;
    assert_eq!(link.text().await, r#"44/closed,{"message":"Closed"}"#);
    link.assert_ends().await;
}

in_every_way![a_client_which_joined_is_not_dropped];

async fn a_client_which_joined_is_not_dropped(way: Way) {
    let connect_timeout = Duration::from_millis(200);
    let server = server(Options { connect_timeout, ..Options::default() }).await;
    let mut link = Link::joined(server.address, way).await;
    tokio::time::sleep(2 * connect_timeout).await;
    link.assert_alive().await;
}

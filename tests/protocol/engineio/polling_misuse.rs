//! Requests that overlap or break off (D1, D38).

use crate::client::{Connection, Packet, Polling, Request, Version, encode_payload};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::server;

in_both_versions![
    a_second_poll_is_refused_and_closes_the_session,
    a_second_post_is_refused_and_closes_the_session,
    a_poll_and_a_post_do_not_overlap,
    an_aborted_poll_closes_the_session,
    an_aborted_post_closes_the_session,
];

async fn a_second_poll_is_refused_and_closes_the_session(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    let mut connection = Connection::open(server.address).await;
    let response = connection.exchange(&Request::get(&session.target())).await;
    assert_eq!((response.status, response.text()), (400, ""));
    assert_eq!(session.parked_packets().await, [Packet::text("1")]);
    session.assert_gone().await;
}

async fn a_second_post_is_refused_and_closes_the_session(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    let mut unfinished = unfinished_post(&session, server.address).await;
    let event = encode_payload(&[Packet::text(r#"42["message","two"]"#)], version);
    let response = session.post_body(event).await;
    assert_eq!((response.status, response.text()), (400, ""));
    assert_eq!(session.parked_packets().await, [Packet::text("1")]);
    // Whoever sends the first one learns that nothing came of it.
    let response = unfinished.receive().await;
    assert!(response.as_ref().is_none_or(|response| response.status == 400), "{response:?}");
    session.assert_gone().await;
}

async fn a_poll_and_a_post_do_not_overlap(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for _ in 0..10 {
        session.park().await;
        session.post_text(r#"42["message"]"#).await;
        assert_eq!(session.parked_packets().await, [Packet::text(r#"42["message-back"]"#)]);
    }
}

async fn an_aborted_poll_closes_the_session(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    session.abort().await;
    // A server hears of it when it hears of it; what we post until then changes nothing.
    let noop = encode_payload(&[Packet::text("6")], version);
    loop {
        let response = session.post_body(noop.clone()).await;
        if response.is_unknown_session() {
            break;
        }
        assert_eq!((response.status, response.text()), (200, "ok"));
    }
}

async fn an_aborted_post_closes_the_session(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    drop(unfinished_post(&session, server.address).await);
    assert_eq!(session.parked_packets().await, [Packet::text("1")]);
    session.assert_gone().await;
}

/// A POST which the server has begun to read, and which lacks its last byte.
async fn unfinished_post(session: &Polling, address: std::net::SocketAddr) -> Connection {
    let event = encode_payload(&[Packet::text(r#"42["message","one"]"#)], session.version);
    let request = Request::post(&session.target(), event.as_str()).header("Expect", "100-continue");
    let mut connection = Connection::open(address).await;
    connection.send(&request.body(Vec::new())).await;
    assert_eq!(connection.receive().await.expect("a response").status, 100);
    connection.write(&event.as_bytes()[..event.len() - 1]).await;
    session.settle().await;
    connection
}

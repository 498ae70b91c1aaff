//! What a POST may carry, and how (D1, D35, D38).

use crate::client::{Connection, Packet, Polling, Request, Version, encode_payload};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::server;

in_both_versions![
    a_body_may_come_in_chunks_which_cut_a_character,
    a_body_may_come_one_byte_at_a_time,
    a_body_may_have_any_text_type,
    a_body_of_exactly_the_limit_is_accepted,
    a_body_over_the_limit_is_refused_and_the_session_lives,
    a_chunked_body_over_the_limit_is_refused_and_the_session_lives,
    a_body_which_is_no_payload_closes_the_session,
    a_body_which_is_no_payload_answers_the_parked_poll_with_close,
];

const EMOJI_EVENT: &str = r#"42["message","€😀"]"#;
const EMOJI_ANSWER: &str = r#"42["message-back","€😀"]"#;

async fn a_body_may_come_in_chunks_which_cut_a_character(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let body = encode_payload(&[Packet::text(EMOJI_EVENT)], version).into_bytes();
    let mut connection = Connection::open(server.address).await;
    let request = Request::post(&session.target(), "").without("Content-Length");
    connection.send(&request.header("Transfer-Encoding", "chunked")).await;
    for chunk in body.chunks(2) {
        connection.write(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        connection.write(&[chunk, b"\r\n"].concat()).await;
    }
    connection.write(b"0\r\n\r\n").await;
    assert_eq!(connection.receive().await.expect("a response").text(), "ok");
    assert_eq!(session.poll().await, [Packet::text(EMOJI_ANSWER)]);
}

async fn a_body_may_come_one_byte_at_a_time(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let body = encode_payload(&[Packet::text(EMOJI_EVENT)], version);
    let mut connection = Connection::open(server.address).await;
    for byte in Request::post(&session.target(), body).to_bytes() {
        connection.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.receive().await.expect("a response").text(), "ok");
    assert_eq!(session.poll().await, [Packet::text(EMOJI_ANSWER)]);
}

async fn a_body_may_have_any_text_type(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for content_type in ["application/json", "application/x-www-form-urlencoded", "text/html", "what?"] {
        let body = encode_payload(&[Packet::text(EMOJI_EVENT)], version);
        let request = Request::post(&session.target(), body).header("Content-Type", content_type);
        let response = session.try_post(&request).await.expect("a response");
        assert_eq!((response.status, response.text()), (200, "ok"), "{content_type}");
        assert_eq!(session.poll().await, [Packet::text(EMOJI_ANSWER)]);
    }
    let body = encode_payload(&[Packet::text(EMOJI_EVENT)], version);
    let request = Request::post(&session.target(), body).without("Content-Type");
    assert_eq!(session.try_post(&request).await.expect("a response").text(), "ok");
    assert_eq!(session.poll().await, [Packet::text(EMOJI_ANSWER)]);
}

#[tokio::test]
async fn a_binary_body_closes_a_session_of_version_4() {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, Version::Four).await;
    session.join().await;
    session.park().await;
    let request =
        Request::post(&session.target(), EMOJI_EVENT).header("Content-Type", "application/octet-stream");
    let response = session.try_post(&request).await.expect("a response");
    assert_eq!((response.status, response.text()), (400, ""));
    assert_eq!(session.parked_packets().await, [Packet::text("1")]);
    session.assert_gone().await;
}

async fn a_body_of_exactly_the_limit_is_accepted(version: Version) {
    let server = server(Options { max_payload: 1_000, ..Options::default() }).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let response = session.post_body(event_of_size(1_000, version)).await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    session.poll().await;
    session.assert_alive().await;
}

async fn a_body_over_the_limit_is_refused_and_the_session_lives(version: Version) {
    let server = server(Options { max_payload: 1_000, ..Options::default() }).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for size in [1_001, 5_000, 100_000] {
        let mut connection = Connection::open(server.address).await;
        let body = event_of_size(size, version);
        let response = connection.exchange(&Request::post(&session.target(), body)).await;
        assert_eq!((response.status, response.text()), (413, ""), "{size} bytes");
    }
    session.assert_alive().await;
}

async fn a_chunked_body_over_the_limit_is_refused_and_the_session_lives(version: Version) {
    let server = server(Options { max_payload: 1_000, ..Options::default() }).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut connection = Connection::open(server.address).await;
    let request = Request::post(&session.target(), "").without("Content-Length");
    connection.send(&request.header("Transfer-Encoding", "chunked")).await;
    // The body never ends, and needs not to.
    connection.write(b"258\r\n").await;
    connection.write(&[b'x'; 0x258]).await;
    connection.write(b"\r\n258\r\n").await;
    connection.write(&[b'x'; 0x258]).await;
    connection.write(b"\r\n").await;
    let response = connection.receive().await.expect("a response");
    assert_eq!((response.status, response.text()), (413, ""));
    session.assert_alive().await;
}

async fn a_body_which_is_no_payload_closes_the_session(version: Version) {
    let server = server(Options::default()).await;
    for body in broken_bodies(version) {
        let mut session = Polling::open(server.address, version).await;
        session.join().await;
        session.assert_ended_by(&Request::post(&session.target(), *body)).await;
    }
}

async fn a_body_which_is_no_payload_answers_the_parked_poll_with_close(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    session.try_post(&Request::post(&session.target(), "abc")).await;
    assert_eq!(session.parked_packets().await, [Packet::text("1")]);
    session.assert_gone().await;
}

/// The NOOPs in them do nothing; a packet behind the mistake, or before it, changes nothing.
fn broken_bodies(version: Version) -> &'static [&'static str] {
    match version {
        Version::Three => {
            &["", "abc", ":", ":6", "x:6", "2:6", "1:66", "-1:6", "1:61", "1:x", "1:7", "1:9", "1", "1:6:"]
        }
        Version::Four => &["", "abc", "7", "9", "x", "\x1e", "6\x1e", "\x1e6", "6\x1ex", " 6", "6\x1e\x1e6"],
    }
}

/// A payload of one event, `size` bytes long.
fn event_of_size(size: usize, version: Version) -> String {
    let payload = |padding: usize| {
        let event = format!(r#"42["message","{}"]"#, "x".repeat(padding));
        encode_payload(&[Packet::Text(event)], version)
    };
    (0..size).rev().map(payload).find(|payload| payload.len() == size).expect("some padding fits")
}

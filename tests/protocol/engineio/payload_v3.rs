//! The payloads of Engine.IO 3: lengths in UTF-16 code units, and binary framing (D1, D42).

use crate::client::{Packet, Polling, Request, Version, encode_payload};
use crate::options::Options;
use crate::support::server;

const EVENT: &str = r#"42["message","€😀"]"#;
const ANSWER: &str = r#"42["message-back","€😀"]"#;
const BINARY_EVENT: &str = r#"451-["message","€😀",{"_placeholder":true,"num":0}]"#;
const BINARY_ANSWER: &str = r#"451-["message-back","€😀",{"_placeholder":true,"num":0}]"#;

#[tokio::test]
async fn lengths_count_utf16_code_units() {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, Version::Three).await;
    session.join().await;
    let response = session.post_body(format!("19:{EVENT}19:{EVENT}")).await;
    assert_eq!(response.text(), "ok");
    session.settle().await;
    let response = session.poll_response().await;
    assert_eq!(response.text(), format!("24:{ANSWER}24:{ANSWER}"));
}

#[tokio::test]
async fn a_length_which_counts_bytes_or_characters_closes_the_session() {
    let server = server(Options::default()).await;
    // By characters it would end within a surrogate pair.
    for body in ["8:6€😀", "3:6€😀"] {
        let mut session = Polling::open(server.address, Version::Three).await;
        session.join().await;
        session.assert_ended_by(&Request::post(&session.target(), body)).await;
    }
}

#[tokio::test]
async fn a_payload_with_binary_is_binary_to_the_byte() {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, Version::Three).await;
    session.join().await;
    let packets = [Packet::text(BINARY_EVENT), Packet::binary([1, 2, 3])];
    session.post(&packets).await;
    session.settle().await;
    let response = session.poll_response().await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/octet-stream"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.body, [framed(0, BINARY_ANSWER.as_bytes()), framed(1, &[4, 1, 2, 3])].concat());
}

#[tokio::test]
async fn a_payload_with_binary_is_text_where_the_client_cannot_read_binary() {
    let server = server(Options::default()).await;
    let mut session = Polling::open_with(server.address, Version::Three, "&b64=1").await;
    session.join().await;
    let packets = [Packet::text(BINARY_EVENT), Packet::binary([1, 2, 3])];
    session.post(&packets).await;
    session.settle().await;
    let response = session.poll_response().await;
    let length = BINARY_ANSWER.encode_utf16().count();
    assert_eq!(response.text(), format!("{length}:{BINARY_ANSWER}6:b4AQID"));
}

#[tokio::test]
async fn a_post_may_be_binary() {
    let server = server(Options::default()).await;
    let mut session = Polling::open_with(server.address, Version::Three, "&b64=1").await;
    session.join().await;
    let body =
        [framed(0, BINARY_EVENT.as_bytes()), framed(1, &[4, 1, 2, 3]), framed(0, EVENT.as_bytes())].concat();
    let request = Request::post(&session.target(), body).header("Content-Type", "application/octet-stream");
    let response = session.try_post(&request).await.expect("a response");
    assert_eq!((response.status, response.text()), (200, "ok"));
    session.settle().await;
    let expected = [Packet::text(BINARY_ANSWER), Packet::binary([1, 2, 3]), Packet::text(ANSWER)];
    assert_eq!(session.poll().await, expected);
}

#[tokio::test]
async fn a_binary_post_which_is_no_payload_closes_the_session() {
    let server = server(Options::default()).await;
    let endless_length = [&[0][..], &[9; 400], &[0xff], b"40"].concat();
    for body in [&[0, 2][..], &[0xff, 0xff], &[0, 0xff], b"2:40", &endless_length] {
        let mut session = Polling::open(server.address, Version::Three).await;
        session.join().await;
        let request =
            Request::post(&session.target(), body).header("Content-Type", "application/octet-stream");
        session.assert_ended_by(&request).await;
    }
}

#[tokio::test]
async fn the_root_namespace_is_joined_without_being_asked_for() {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, Version::Three).await;
    let mut packets = Vec::new();
    while packets.len() < 2 {
        packets.extend(session.poll().await);
    }
    assert_eq!(packets, [Packet::text("40"), Packet::text(r#"42["auth",{}]"#)]);
    assert_eq!(encode_payload(&packets[..1], Version::Three), "2:40");
}

/// A packet of a binary payload: text (0) or binary (1), its length in digits, and 255.
fn framed(kind: u8, packet: &[u8]) -> Vec<u8> {
    let digits = packet.len().to_string().into_bytes();
    let digits = digits.iter().map(|digit| digit - b'0').collect::<Vec<_>>();
    [&[kind], digits.as_slice(), &[0xff], packet].concat()
}

//! Legal WebSocket frames in unusual shapes (RFC 6455 §5; D2).

use crate::client::{Frame, Version, WebSocket, opcode};
use crate::options::Options;
use crate::support::server;

const EVENT: &str = r#"42["message","€😀"]"#;
const ANSWER: &str = r#"42["message-back","€😀"]"#;
const BINARY_EVENT: &str = r#"451-["message",{"_placeholder":true,"num":0}]"#;
const BINARY_ANSWER: &str = r#"451-["message-back",{"_placeholder":true,"num":0}]"#;

#[tokio::test]
async fn text_may_come_in_fragments_which_cut_a_character() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    for size in [1, 2, 5, 15, 16, 17] {
        for frame in fragments(opcode::TEXT, EVENT.as_bytes(), size) {
            websocket.send(&frame).await;
        }
        assert_eq!(websocket.text().await, ANSWER);
    }
}

#[tokio::test]
async fn binary_may_come_in_fragments() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let data: Vec<u8> = (0..=255).collect();
    websocket.send_text(BINARY_EVENT).await;
    for frame in fragments(opcode::BINARY, &data, 100) {
        websocket.send(&frame).await;
    }
    assert_eq!(websocket.text().await, BINARY_ANSWER);
    assert_eq!(websocket.frame().await, Frame::binary(data).unmasked());
}

#[tokio::test]
async fn fragments_may_be_empty() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let frames = [
        Frame::text("").unfinished(),
        Frame::continuation("").unfinished(),
        Frame::continuation(EVENT).unfinished(),
        Frame::continuation(""),
    ];
    websocket.send_all(&frames).await;
    assert_eq!(websocket.text().await, ANSWER);
}

#[tokio::test]
async fn control_frames_between_fragments_are_answered_at_once() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let (first, second) = EVENT.as_bytes().split_at(15);
    websocket.send(&Frame::new(opcode::TEXT, first).unfinished()).await;
    websocket.send(&Frame::ping("between")).await;
    websocket.send(&Frame::new(opcode::PONG, "unasked")).await;
    assert_eq!(websocket.frame().await, pong("between"));
    websocket.send(&Frame::continuation(second)).await;
    assert_eq!(websocket.text().await, ANSWER);
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    for payload in ["".into(), "a".into(), "€".into(), "x".repeat(125)] {
        websocket.send(&Frame::ping(payload.as_str())).await;
        assert_eq!(websocket.frame().await, pong(&payload));
    }
    websocket.send(&Frame::ping([0xff, 0x00, 0xfe])).await;
    assert_eq!(websocket.frame().await.payload, [0xff, 0x00, 0xfe]);
}

#[tokio::test]
async fn a_pong_nobody_asked_for_is_ignored() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    websocket.send(&Frame::new(opcode::PONG, "")).await;
    websocket.send(&Frame::new(opcode::PONG, "x".repeat(125))).await;
    websocket.assert_alive().await;
}

#[tokio::test]
async fn frames_may_come_one_byte_at_a_time() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let binary = [Frame::text(BINARY_EVENT), Frame::binary([7; 200])];
    for (frames, answers) in [
        (&[Frame::text(EVENT)][..], &[Frame::text(ANSWER)][..]),
        (&[Frame::ping("slow")], &[Frame::new(opcode::PONG, "slow")]),
        (&binary, &[Frame::text(BINARY_ANSWER), Frame::binary([7; 200])]),
    ] {
        for byte in frames.iter().flat_map(Frame::encode) {
            websocket.write(&[byte]).await;
            tokio::task::yield_now().await;
        }
        for answer in answers {
            assert_eq!(websocket.frame().await, answer.clone().unmasked());
        }
    }
}

#[tokio::test]
async fn a_segment_may_cut_a_frame_anywhere() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let text = "y".repeat(200);
    let bytes = Frame::text(&format!(r#"42["message","{text}"]"#)).encode().repeat(2);
    for cut in 1..20 {
        let (first, second) = bytes.split_at(cut);
        websocket.write(first).await;
        tokio::task::yield_now().await;
        websocket.write(second).await;
        for _ in 0..2 {
            assert_eq!(websocket.text().await, format!(r#"42["message-back","{text}"]"#));
        }
    }
}

#[tokio::test]
async fn many_frames_may_come_in_one_segment() {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let mut frames = Vec::new();
    for number in 0..500 {
        frames.push(Frame::text(&format!(r#"42["message",{number}]"#)));
        frames.push(Frame::ping(format!("{number}")));
    }
    websocket.send_all(&frames).await;
    let (mut events, mut pongs) = (Vec::new(), Vec::new());
    while events.len() + pongs.len() < 1_000 {
        let frame = websocket.frame().await;
        let payload = String::from_utf8(frame.payload).expect("UTF-8");
        if frame.opcode == opcode::PONG { pongs.push(payload) } else { events.push(payload) }
    }
    for number in 0..500 {
        assert_eq!(events[number], format!(r#"42["message-back",{number}]"#));
        assert_eq!(pongs[number], number.to_string());
    }
}

#[tokio::test]
async fn a_message_of_exactly_the_limit_is_accepted() {
    let server = server(Options { max_payload: 1_000, ..Options::default() }).await;
    let mut websocket = WebSocket::joined(server.address, Version::Four).await;
    let padding = "x".repeat(1_000 - r#"42["message",""]"#.len());
    let event = format!(r#"42["message","{padding}"]"#);
    websocket.send_text(&event).await;
    assert_eq!(websocket.text().await, format!(r#"42["message-back","{padding}"]"#));
    for frame in fragments(opcode::TEXT, event.as_bytes(), 300) {
        websocket.send(&frame).await;
    }
    assert_eq!(websocket.text().await, format!(r#"42["message-back","{padding}"]"#));
}

fn pong(payload: &str) -> Frame {
    Frame::new(opcode::PONG, payload).unmasked()
}

/// A message in fragments of `size` bytes.
fn fragments(opcode: u8, message: &[u8], size: usize) -> Vec<Frame> {
    let count = message.len().div_ceil(size);
    let fragment = |(index, fragment): (usize, &[u8])| {
        let opcode = if index == 0 { opcode } else { opcode::CONTINUATION };
        let frame = Frame::new(opcode, fragment);
        if index + 1 == count { frame } else { frame.unfinished() }
    };
    message.chunks(size).enumerate().map(fragment).collect()
}

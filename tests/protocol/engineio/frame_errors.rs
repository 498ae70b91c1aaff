//! Frames that break RFC 6455: the server says what is wrong in its Close frame and hangs up, having done nothing of
//! what follows (D2, D35, D38).

use crate::client::{End, Frame, Version, WebSocket, opcode};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::server;

const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;
const TOO_BIG: u16 = 1009;

const EVENT: &str = r#"42["message"]"#;

in_both_versions![
    a_reserved_bit_is_a_protocol_error,
    an_unmasked_frame_is_a_protocol_error,
    a_reserved_opcode_is_a_protocol_error,
    a_continuation_of_nothing_is_a_protocol_error,
    a_message_within_a_message_is_a_protocol_error,
    a_control_frame_in_fragments_is_a_protocol_error,
    a_long_control_frame_is_a_protocol_error,
    a_malformed_close_frame_is_a_protocol_error,
    text_which_is_not_utf8_is_invalid_data,
    a_message_over_the_limit_is_too_big,
    a_length_no_message_can_have_is_refused_at_its_header,
    a_close_frame_is_answered_with_its_code,
];

async fn a_reserved_bit_is_a_protocol_error(version: Version) {
    for bits in 1..8 {
        assert_ends(version, &[Frame::text(EVENT).reserved(bits)], PROTOCOL_ERROR).await;
    }
    assert_ends(version, &[Frame::ping("").reserved(4)], PROTOCOL_ERROR).await;
    let continuation = Frame::continuation("").reserved(4);
    assert_ends(version, &[Frame::text(EVENT).unfinished(), continuation], PROTOCOL_ERROR).await;
}

async fn an_unmasked_frame_is_a_protocol_error(version: Version) {
    assert_ends(version, &[Frame::text(EVENT).unmasked()], PROTOCOL_ERROR).await;
    assert_ends(version, &[Frame::ping("").unmasked()], PROTOCOL_ERROR).await;
    let continuation = Frame::continuation("").unmasked();
    assert_ends(version, &[Frame::text(EVENT).unfinished(), continuation], PROTOCOL_ERROR).await;
}

async fn a_reserved_opcode_is_a_protocol_error(version: Version) {
    for opcode in (3..8).chain(11..16) {
        assert_ends(version, &[Frame::new(opcode, "")], PROTOCOL_ERROR).await;
    }
}

async fn a_continuation_of_nothing_is_a_protocol_error(version: Version) {
    assert_ends(version, &[Frame::continuation(EVENT)], PROTOCOL_ERROR).await;
    assert_ends(version, &[Frame::continuation("").unfinished()], PROTOCOL_ERROR).await;
}

async fn a_message_within_a_message_is_a_protocol_error(version: Version) {
    let start = Frame::text(EVENT).unfinished();
    assert_ends(version, &[start.clone(), Frame::text(EVENT)], PROTOCOL_ERROR).await;
    assert_ends(version, &[start, Frame::binary([4])], PROTOCOL_ERROR).await;
}

async fn a_control_frame_in_fragments_is_a_protocol_error(version: Version) {
    for opcode in [opcode::CLOSE, opcode::PING, opcode::PONG] {
        assert_ends(version, &[Frame::new(opcode, "").unfinished()], PROTOCOL_ERROR).await;
    }
}

async fn a_long_control_frame_is_a_protocol_error(version: Version) {
    for opcode in [opcode::CLOSE, opcode::PING, opcode::PONG] {
        assert_ends(version, &[Frame::new(opcode, [b'x'; 126])], PROTOCOL_ERROR).await;
    }
}

async fn a_malformed_close_frame_is_a_protocol_error(version: Version) {
    assert_ends(version, &[Frame::new(opcode::CLOSE, [3])], PROTOCOL_ERROR).await;
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535] {
        assert_ends(version, &[Frame::close(code, "")], PROTOCOL_ERROR).await;
    }
    let reason = [&1000_u16.to_be_bytes()[..], b"\xc3\x28"].concat();
    assert_ends(version, &[Frame::new(opcode::CLOSE, reason)], INVALID_DATA).await;
}

async fn text_which_is_not_utf8_is_invalid_data(version: Version) {
    let wrong: [&[u8]; 5] = [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\xaf"];
    for wrong in wrong {
        let text = [b"42[\"message\",\"", wrong, b"\"]"].concat();
        assert_ends(version, &[Frame::new(opcode::TEXT, text.clone())], INVALID_DATA).await;
        let (first, second) = text.split_at(15);
        let fragments = [Frame::new(opcode::TEXT, first).unfinished(), Frame::continuation(second)];
        assert_ends(version, &fragments, INVALID_DATA).await;
    }
}

async fn a_message_over_the_limit_is_too_big(version: Version) {
    let long = Frame::text(&"x".repeat(1_001));
    assert_ends(version, &[long], TOO_BIG).await;
    let part = Frame::binary([4; 501]).unfinished();
    assert_ends(version, &[part, Frame::continuation([4; 500])], TOO_BIG).await;
    let empty = Frame::continuation("").unfinished();
    let part = Frame::text(&"x".repeat(1_000)).unfinished();
    assert_ends(version, &[part, empty, Frame::continuation("x")], TOO_BIG).await;
}

async fn a_length_no_message_can_have_is_refused_at_its_header(version: Version) {
    for length in [1_001, 65_536, 1 << 32, 1 << 53, i64::MAX.unsigned_abs()] {
        assert_ends(version, &[Frame::text("").announcing(length)], TOO_BIG).await;
    }
    // RFC 6455 §5.2 wants the highest bit to be 0: too big or wrong, as the reader likes.
    for length in [1 << 63, u64::MAX] {
        let end = end_after(version, &[Frame::binary("").announcing(length)]).await;
        assert!(end == End::Close(Some(TOO_BIG)) || end == End::Close(Some(PROTOCOL_ERROR)), "{end:?}");
    }
}

async fn a_close_frame_is_answered_with_its_code(version: Version) {
    for code in [1000, 1001, 1003, 1011, 3000, 4999] {
        assert_ends(version, &[Frame::close(code, "bye, €")], code).await;
    }
    let end = end_after(version, &[Frame::new(opcode::CLOSE, "")]).await;
    assert_eq!(end, End::Close(None));
}

async fn assert_ends(version: Version, frames: &[Frame], code: u16) {
    assert_eq!(end_after(version, frames).await, End::Close(Some(code)), "{frames:?}");
}

/// Sends frames, and one more with an event that must not be answered, in one segment.
async fn end_after(version: Version, frames: &[Frame]) -> End {
    let server = server(Options { max_payload: 1_000, ..Options::default() }).await;
    let mut websocket = WebSocket::joined(server.address, version).await;
    let mut frames = frames.to_vec();
    frames.push(Frame::text(EVENT));
    websocket.send_all(&frames).await;
    websocket.end().await
}

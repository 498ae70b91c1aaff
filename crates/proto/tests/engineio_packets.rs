//! Single packets, WebSocket messages and the handshake, byte for byte.

use std::borrow::Cow;
use std::time::Duration;

use tower_socketio_proto::engineio::{
    Handshake, Kind, Packet, PacketError, Version, decode_binary, decode_text,
};

const VERSIONS: [Version; 2] = [Version::V3, Version::V4];

fn text(kind: Kind, data: &str) -> Packet<'_> {
    Packet::Text { kind, data }
}

fn binary(data: &[u8]) -> Packet<'_> {
    Packet::Binary(Cow::Borrowed(data))
}

#[test]
fn the_seven_digits_are_the_seven_kinds() {
    let kinds = [Kind::Open, Kind::Close, Kind::Ping, Kind::Pong, Kind::Message, Kind::Upgrade, Kind::Noop];
    for (digit, kind) in (b'0'..).zip(kinds) {
        assert_eq!(Kind::from_digit(digit), Some(kind));
        assert_eq!(kind.digit(), digit);
    }
    for other in (0..b'0').chain(b'7'..=u8::MAX) {
        assert_eq!(Kind::from_digit(other), None);
    }
}

#[test]
fn a_text_message_is_a_digit_and_the_data() {
    for version in VERSIONS {
        assert_eq!(decode_text(version, "4hello"), Ok(text(Kind::Message, "hello")));
        assert_eq!(decode_text(version, "4"), Ok(text(Kind::Message, "")));
        assert_eq!(decode_text(version, "4€😀"), Ok(text(Kind::Message, "€😀")));
        assert_eq!(decode_text(version, "2probe"), Ok(text(Kind::Ping, "probe")));
        assert_eq!(decode_text(version, "3"), Ok(text(Kind::Pong, "")));
        assert_eq!(decode_text(version, "5"), Ok(text(Kind::Upgrade, "")));
        assert_eq!(decode_text(version, "1"), Ok(text(Kind::Close, "")));
    }
}

#[test]
fn text_that_begins_with_no_type_is_refused() {
    for version in VERSIONS {
        assert_eq!(decode_text(version, ""), Err(PacketError::Empty));
        for message in ["7", "abc", " 4", "€", "😀", "B4AQID", "-1", "\u{1e}4"] {
            assert_eq!(decode_text(version, message), Err(PacketError::UnknownType), "{message}");
        }
    }
}

#[test]
fn base64_in_a_text_message_has_a_type_digit_only_in_version_3() {
    assert_eq!(decode_text(Version::V4, "bAQID"), Ok(binary(&[1, 2, 3])));
    assert_eq!(decode_text(Version::V3, "b4AQID"), Ok(binary(&[1, 2, 3])));
    assert_eq!(decode_text(Version::V4, "b"), Ok(binary(&[])));
    assert_eq!(decode_text(Version::V3, "b4"), Ok(binary(&[])));
    assert_eq!(decode_text(Version::V3, "b"), Err(PacketError::BinaryNotMessage));
    assert_eq!(decode_text(Version::V3, "b2AQID"), Err(PacketError::BinaryNotMessage));
}

#[test]
fn base64_is_read_with_and_without_its_padding() {
    for message in ["bAQIDBA==", "bAQIDBA"] {
        assert_eq!(decode_text(Version::V4, message), Ok(binary(&[1, 2, 3, 4])));
    }
    for message in ["bAQIDB", "bA", "b====", "bAQI=DBA=", "b€", "bAQ ID"] {
        assert_eq!(decode_text(Version::V4, message), Err(PacketError::Base64), "{message}");
    }
}

#[test]
fn a_binary_message_is_the_data_itself_in_version_4() {
    assert_eq!(decode_binary(Version::V4, &[4, 1, 2]), Ok(binary(&[4, 1, 2])));
    assert_eq!(decode_binary(Version::V4, &[]), Ok(binary(&[])));
}

#[test]
fn a_binary_message_begins_with_its_type_in_version_3() {
    assert_eq!(decode_binary(Version::V3, &[4, 1, 2, 3, 4]), Ok(binary(&[1, 2, 3, 4])));
    assert_eq!(decode_binary(Version::V3, &[4]), Ok(binary(&[])));
    assert_eq!(decode_binary(Version::V3, &[]), Err(PacketError::Empty));
    assert_eq!(decode_binary(Version::V3, b"4abc"), Err(PacketError::BinaryNotMessage));
}

#[test]
fn only_base64_is_copied() {
    let Ok(Packet::Binary(data)) = decode_binary(Version::V3, &[4, 1]) else { panic!("not binary") };
    assert!(matches!(data, Cow::Borrowed(_)));
    let Ok(Packet::Binary(data)) = decode_text(Version::V4, "bAQID") else { panic!("not binary") };
    assert!(matches!(data, Cow::Owned(_)));
}

#[test]
fn the_handshake_has_five_keys_in_order() {
    let mut out = String::new();
    let mut handshake = Handshake {
        sid: "lv_VI97HAXpY6yYWAAAC",
        upgrades: &["websocket"],
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        max_payload: 1_000_000,
    };
    handshake.write(&mut out);
    assert_eq!(
        out,
        concat!(
            r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"#,
            r#""pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        )
    );

    handshake.upgrades = &[];
    handshake.sid = "\"quoted\"";
    out.clear();
    handshake.write(&mut out);
    assert!(out.starts_with(r#"0{"sid":"\"quoted\"","upgrades":[],"pingInterval":25000"#), "{out}");
}

#[test]
fn durations_in_the_handshake_never_overflow() {
    let mut out = String::new();
    let handshake = Handshake {
        sid: "",
        upgrades: &[],
        ping_interval: Duration::MAX,
        ping_timeout: Duration::from_micros(1999),
        max_payload: u64::MAX,
    };
    handshake.write(&mut out);
    assert!(out.contains(&format!(r#""pingInterval":{},"pingTimeout":1,"#, u64::MAX)), "{out}");
}

//! Polling payloads of both versions, byte for byte; the vectors were captured from Node or stand in the protocol's text.

use std::borrow::Cow;

use tower_socketio_proto::engineio::{
    ContentType, Item, Kind, Limits, Packet, PacketError, PayloadError, Version, decode_payload,
    encode_payload, encoded_len,
};

const EVENT: &str = r#"451-["hello","€😀",{"_placeholder":true,"num":0}]"#;

fn message(data: &str) -> Packet<'_> {
    Packet::Text { kind: Kind::Message, data }
}

fn binary(data: &[u8]) -> Packet<'_> {
    Packet::Binary(Cow::Borrowed(data))
}

fn decode(version: Version, body: &str) -> Result<Vec<Packet<'_>>, PayloadError> {
    decode_payload(version, false, body.as_bytes(), &Limits::default())
}

fn decode_octets(body: &[u8]) -> Result<Vec<Packet<'_>>, PayloadError> {
    decode_payload(Version::V3, true, body, &Limits::default())
}

fn encode(version: Version, base64: bool, items: &[Item<'_>]) -> (ContentType, Vec<u8>) {
    let mut out = b"kept".to_vec();
    let content_type = encode_payload(version, base64, items.iter().copied(), &mut out);
    assert!(out.starts_with(b"kept"), "the payload is appended");
    (content_type, out.split_off(4))
}

fn encode_text(version: Version, base64: bool, items: &[Item<'_>]) -> String {
    let (content_type, out) = encode(version, base64, items);
    assert_eq!(content_type, ContentType::Text);
    String::from_utf8(out).expect("text payloads are UTF-8")
}

#[test]
fn version_4_joins_packets_with_the_record_separator() {
    let body = "4hello\u{1e}bAQIDBA==\u{1e}2";
    let items = [Item::Text("4hello"), Item::Binary(&[1, 2, 3, 4]), Item::Text("2")];
    let packets = vec![message("hello"), binary(&[1, 2, 3, 4]), Packet::Text { kind: Kind::Ping, data: "" }];
    assert_eq!(decode(Version::V4, body), Ok(packets));
    for base64 in [false, true] {
        assert_eq!(encode_text(Version::V4, base64, &items), body);
    }
    assert_eq!(encode_text(Version::V4, false, &[Item::Text("6"), Item::Text("1")]), "6\u{1e}1");
    assert_eq!(encode_text(Version::V4, false, &[]), "");
}

#[test]
fn version_4_refuses_what_is_not_a_packet_between_separators() {
    let empty = Err(PayloadError::Packet(PacketError::Empty));
    for body in ["\u{1e}", "4a\u{1e}", "\u{1e}4a", "4a\u{1e}\u{1e}4b"] {
        assert_eq!(decode(Version::V4, body), empty, "{body:?}");
    }
    assert_eq!(decode(Version::V4, "abc"), Err(PayloadError::Packet(PacketError::UnknownType)));
    assert_eq!(decode(Version::V4, "4a\u{1e}b=="), Err(PayloadError::Packet(PacketError::Base64)));
}

#[test]
fn version_4_takes_no_binary_content() {
    let body = [0, 2, 0xff, b'4', b'0'];
    let decoded = decode_payload(Version::V4, true, &body, &Limits::default());
    assert_eq!(decoded, Err(PayloadError::BinaryContent));
    assert!(decode_octets(&body).is_ok());
}

#[test]
fn an_empty_body_is_no_payload() {
    for (version, octets) in [(Version::V3, false), (Version::V3, true), (Version::V4, false)] {
        let decoded = decode_payload(version, octets, b"", &Limits::default());
        assert_eq!(decoded, Err(PayloadError::Empty));
    }
}

#[test]
fn text_must_be_utf_8() {
    for version in [Version::V3, Version::V4] {
        let decoded = decode_payload(version, false, b"2:4\xff", &Limits::default());
        assert_eq!(decoded, Err(PayloadError::NotUtf8));
    }
    assert_eq!(decode_octets(&[0, 2, 0xff, b'4', 0xff]), Err(PayloadError::NotUtf8));
}

#[test]
fn version_3_counts_utf_16_code_units() {
    assert_eq!(decode(Version::V3, "2:4€"), Ok(vec![message("€")]));
    assert_eq!(decode(Version::V3, "3:4😀1:4"), Ok(vec![message("😀"), message("")]));
    assert_eq!(encode_text(Version::V3, false, &[Item::Text("4€")]), "2:4€");
    assert_eq!(encode_text(Version::V3, false, &[Item::Text("4😀")]), "3:4😀");
    // In the middle of a surrogate pair there is no character boundary.
    assert_eq!(decode(Version::V3, "2:4😀"), Err(PayloadError::Truncated));
    assert_eq!(decode(Version::V3, "4:4😀"), Err(PayloadError::Truncated));
}

#[test]
fn version_3_encodes_as_node_does_for_clients_without_binary() {
    let items = [Item::Text("40"), Item::Text(EVENT), Item::Binary(&[1, 2, 3])];
    let body = format!("2:4049:{EVENT}6:b4AQID");
    assert_eq!(encode_text(Version::V3, true, &items), body);
    assert_eq!(decode(Version::V3, &body), Ok(vec![message("0"), message(&EVENT[1..]), binary(&[1, 2, 3])]));
    assert_eq!(decode(Version::V3, "10:b4AQIDBA=="), Ok(vec![binary(&[1, 2, 3, 4])]));
}

#[test]
fn version_3_encodes_as_node_does_for_clients_with_binary() {
    let items = [Item::Text("40"), Item::Text(EVENT), Item::Binary(&[1, 2, 3])];
    let mut body = vec![0, 2, 0xff, b'4', b'0', 0, 5, 3, 0xff];
    body.extend_from_slice(EVENT.as_bytes());
    body.extend_from_slice(&[1, 4, 0xff, 4, 1, 2, 3]);
    assert_eq!(encode(Version::V3, false, &items), (ContentType::Binary, body.clone()));
    assert_eq!(decode_octets(&body), Ok(vec![message("0"), message(&EVENT[1..]), binary(&[1, 2, 3])]));
}

#[test]
fn version_3_prefixes_the_handshake_and_control_packets() {
    let handshake = concat!(
        r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"#,
        r#""pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
    let body = encode_text(Version::V3, false, &[Item::Text(handshake)]);
    assert_eq!(body, format!("118:{handshake}"));
    assert_eq!(encode_text(Version::V3, false, &[Item::Text("3")]), "1:3");
    assert_eq!(encode_text(Version::V3, false, &[Item::Text("6"), Item::Text("1")]), "1:61:1");
}

#[test]
fn the_empty_list_of_version_3_is_no_error() {
    assert_eq!(encode_text(Version::V3, false, &[]), "0:");
    assert_eq!(decode(Version::V3, "0:"), Ok(vec![]));
    assert_eq!(decode(Version::V3, "0:2:4a0:"), Ok(vec![message("a")]));
}

#[test]
fn version_3_refuses_lengths_that_are_none() {
    let long = format!("{}2:4a", "0".repeat(310));
    for body in ["4a", ":4a", "a:4a", "-1:4", "+2:4a", "1.5:4a", " 2:4a", "2:4a1", "2", &long] {
        assert_eq!(decode(Version::V3, body), Err(PayloadError::Length), "{body}");
    }
    let longest = format!("{}2:4a", "0".repeat(309));
    assert_eq!(decode(Version::V3, &longest), Ok(vec![message("a")]));
    for body in ["3:4a", "99:4a", "99999999999999999999999999999999:4a"] {
        assert_eq!(decode(Version::V3, body), Err(PayloadError::Truncated), "{body}");
    }
}

#[test]
fn version_3_refuses_broken_binary_framing() {
    let mut long = vec![0];
    long.extend_from_slice(&[9; 311]);
    long.push(0xff);
    for body in [&[0][..], &[0, 0xff], &[0, 1], &[0, 10, 0xff, b'4'], &[2, 1, 0xff, b'4'], &long] {
        assert_eq!(decode_octets(body), Err(PayloadError::Length), "{body:?}");
    }
    assert_eq!(decode_octets(&[1, 2, 0xff, 4]), Err(PayloadError::Truncated));
    assert_eq!(decode_octets(&[0, 0, 0xff]), Err(PayloadError::Packet(PacketError::Empty)));
    let decoded = decode_octets(&[1, 2, 0xff, 2, 1]);
    assert_eq!(decoded, Err(PayloadError::Packet(PacketError::BinaryNotMessage)));
}

#[test]
fn packets_are_limited_in_number_before_they_cost_memory() {
    let mut limits = Limits::default();
    limits.max_packets = 2;
    let framed = [0, 2, 0xff, b'4', b'a'];
    for (version, octets, two, three) in [
        (Version::V4, false, b"4a\x1e4b".to_vec(), b"4a\x1e4b\x1e4c".to_vec()),
        (Version::V3, false, b"2:4a2:4b".to_vec(), b"2:4a2:4b2:4c".to_vec()),
        (Version::V3, true, framed.repeat(2), framed.repeat(3)),
    ] {
        assert_eq!(decode_payload(version, octets, &two, &limits).map(|packets| packets.len()), Ok(2));
        assert_eq!(decode_payload(version, octets, &three, &limits), Err(PayloadError::TooManyPackets));
    }
}

#[test]
fn the_default_limit_lets_a_burst_of_small_events_pass() {
    let body = ["42[\"a\"]"; 50_000].join("\u{1e}");
    assert_eq!(decode(Version::V4, &body).map(|packets| packets.len()), Ok(50_000));
    let body = ["4"; 70_000].join("\u{1e}");
    assert_eq!(decode(Version::V4, &body), Err(PayloadError::TooManyPackets));
    assert_eq!(size_of::<Packet<'_>>(), 32);
}

#[test]
fn the_length_of_an_item_is_what_it_adds() {
    assert_eq!(encoded_len(Version::V4, &Item::Text("4a")), 3);
    assert_eq!(encoded_len(Version::V4, &Item::Binary(&[1, 2, 3, 4])), "\u{1e}bAQIDBA==".len());
    assert_eq!(encoded_len(Version::V3, &Item::Text("4€")), 1 + 1 + 1 + "4€".len());
    assert_eq!(encoded_len(Version::V3, &Item::Binary(&[1, 2, 3, 4])), "10:b4AQIDBA==".len());
}

//! Whatever is a polling payload comes back the same after it was encoded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_socketio_proto::engineio::{
    ContentType, Item, Limits, Packet, PayloadError, Version, decode_binary, decode_payload, decode_text,
    encode_payload, encoded_len,
};

fuzz_target!(|input: &[u8]| {
    let [flags, body @ ..] = input else { return };
    let version = if flags & 1 == 0 { Version::V4 } else { Version::V3 };
    single(version, body);

    let Ok(packets) = decode_payload(version, flags & 2 != 0, body, &Limits::default()) else { return };
    limited(version, flags & 2 != 0, body, packets.len());
    // `0:` is all there is of the empty list.
    if packets.is_empty() {
        return;
    }
    let texts: Vec<_> = packets.iter().map(text).collect();
    let items = packets.iter().zip(&texts).map(|(packet, text)| match packet {
        Packet::Text { .. } => Item::Text(text),
        Packet::Binary(data) => Item::Binary(data),
    });
    let bound: usize = items.clone().map(|item| encoded_len(version, &item)).sum();
    for base64 in [false, true] {
        let mut encoded = Vec::new();
        let content_type = encode_payload(version, base64, items.clone(), &mut encoded);
        assert!(encoded.len() <= bound, "longer than announced");
        let binary = content_type == ContentType::Binary;
        assert!(!(binary && base64), "binary framing where it is forbidden");
        assert_eq!(decode_payload(version, binary, &encoded, &Limits::default()).as_ref(), Ok(&packets));
    }
});

/// The packet with its digit in front.
fn text(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Text { kind, data } => format!("{}{data}", char::from(kind.digit())),
        Packet::Binary(_) => String::new(),
    }
}

/// The body as the one packet of a WebSocket message.
fn single(version: Version, body: &[u8]) {
    let _ = decode_binary(version, body);
    let Ok(message) = std::str::from_utf8(body) else { return };
    if let Ok(packet @ Packet::Text { .. }) = decode_text(version, message) {
        assert_eq!(text(&packet), message);
    }
}

/// A payload may have as many packets as the limit says, and no more.
fn limited(version: Version, binary: bool, body: &[u8], count: usize) {
    let limited = |max_packets| {
        let mut limits = Limits::default();
        limits.max_packets = max_packets;
        decode_payload(version, binary, body, &limits).map(|packets| packets.len())
    };
    assert_eq!(limited(count), Ok(count));
    if count > 0 {
        assert_eq!(limited(count - 1), Err(PayloadError::TooManyPackets));
    }
}

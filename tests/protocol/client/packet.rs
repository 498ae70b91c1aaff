//! Engine.IO packets, and the payloads of polling which carry several of them.
//!
//! The decoders are strict: a payload that is not exactly what the protocol says fails the test.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Version;

/// An Engine.IO packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The whole text, with the digit of its type first.
    Text(String),
    /// The data of a binary message.
    Binary(Vec<u8>),
}

impl Packet {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Packet::Text(text.into())
    }

    pub(crate) fn binary(data: impl Into<Vec<u8>>) -> Self {
        Packet::Binary(data.into())
    }

    /// The packet as text, binary in base64.
    pub(crate) fn encode(&self, version: Version) -> String {
        match (self, version) {
            (Packet::Text(text), _) => text.clone(),
            (Packet::Binary(data), Version::Three) => format!("b4{}", BASE64_STANDARD.encode(data)),
            (Packet::Binary(data), Version::Four) => format!("b{}", BASE64_STANDARD.encode(data)),
        }
    }

    /// The packet written as text.
    pub(crate) fn decode(text: &str, version: Version) -> Self {
        let base64 = match version {
            Version::Three => text.strip_prefix("b4"),
            Version::Four => text.strip_prefix('b'),
        };
        match base64 {
            Some(base64) => Packet::Binary(BASE64_STANDARD.decode(base64).expect("base64")),
            None => Packet::text(text),
        }
    }
}

/// The body of a POST.
pub(crate) fn encode_payload(packets: &[Packet], version: Version) -> String {
    let packets = packets.iter().map(|packet| packet.encode(version));
    match version {
        Version::Three => packets.map(|packet| format!("{}:{packet}", utf16_length(&packet))).collect(),
        Version::Four => packets.collect::<Vec<_>>().join("\x1e"),
    }
}

/// The body of the response to a poll, `binary` if its content type said so.
pub(crate) fn decode_payload(body: &[u8], binary: bool, version: Version) -> Vec<Packet> {
    if binary {
        assert_eq!(version, Version::Three, "only version 3 has binary payloads");
        return decode_binary(body);
    }
    let body = std::str::from_utf8(body).expect("a text payload is UTF-8");
    match version {
        Version::Three => decode_lengths(body),
        Version::Four => body.split('\x1e').map(|packet| Packet::decode(packet, version)).collect(),
    }
}

/// Version 3 counts in UTF-16 code units.
fn utf16_length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn decode_lengths(mut body: &str) -> Vec<Packet> {
    let mut packets = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body.split_once(':').expect("a length");
        let length: usize = length.parse().expect("a length in digits");
        let mut units = 0;
        let end = rest.char_indices().find(|&(_, character)| {
            let reached = units >= length;
            units += character.len_utf16();
            reached
        });
        let (packet, rest) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        assert_eq!(utf16_length(packet), length, "a length in UTF-16 code units");
        packets.push(Packet::decode(packet, Version::Three));
        body = rest;
    }
    packets
}

fn decode_binary(mut body: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    while let Some((&kind, rest)) = body.split_first() {
        let end = rest.iter().position(|&byte| byte == 0xff).expect("the end of a length");
        let length = rest[..end].iter().fold(0, |length, &digit| {
            assert!(digit < 10, "a length has digits");
            length * 10 + usize::from(digit)
        });
        let (packet, rest) = rest[end + 1..].split_at(length);
        packets.push(match kind {
            0 => Packet::text(String::from_utf8(packet.to_vec()).expect("a text packet is UTF-8")),
            1 => Packet::binary(packet.strip_prefix(&[4]).expect("a message")),
            _ => panic!("a packet is text or binary: {kind}"),
        });
        body = rest;
    }
    packets
}

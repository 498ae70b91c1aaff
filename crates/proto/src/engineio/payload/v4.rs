//! Engine.IO 4 payloads: packets joined by U+001E, binary ones as `b` and base64 (protocol v4, "HTTP long-polling").

use memchr::memchr_iter;

use super::decode::{Limits, PayloadError};
use super::encode::Item;
use crate::engineio::base64;
use crate::engineio::packet::{Packet, Version, decode_text};

const SEPARATOR: u8 = 0x1e;

pub(super) fn decode<'a>(body: &'a str, limits: &Limits) -> Result<Vec<Packet<'a>>, PayloadError> {
    // Counted first, so that a hostile body costs no memory and an honest one a single allocation.
    let count = memchr_iter(SEPARATOR, body.as_bytes()).count() + 1;
    if count > limits.max_packets {
        return Err(PayloadError::TooManyPackets);
    }
    let mut packets = Vec::with_capacity(count);
    let mut start = 0;
    for end in memchr_iter(SEPARATOR, body.as_bytes()).chain([body.len()]) {
        // The separator is ASCII, so both ends are character boundaries. Two in a row are an empty packet: an error.
        packets.push(decode_text(Version::V4, &body[start..end])?);
        start = end + 1;
    }
    Ok(packets)
}

pub(super) fn encode<'a>(items: impl Iterator<Item = Item<'a>>, out: &mut Vec<u8>) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(SEPARATOR);
        }
        match item {
            Item::Text(text) => out.extend_from_slice(text.as_bytes()),
            Item::Binary(data) => {
                out.push(b'b');
                base64::encode(data, out);
            }
        }
    }
}

pub(super) fn encoded_len(item: &Item<'_>) -> usize {
    const SEPARATOR: usize = 1;
    SEPARATOR
        + match item {
            Item::Text(text) => text.len(),
            Item::Binary(data) => 1 + base64::encoded_len(data.len()),
        }
}

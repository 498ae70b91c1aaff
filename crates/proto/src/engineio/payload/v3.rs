//! Engine.IO 3 payloads: every packet has its length in front, in one of two framings (protocol v3, "Payload").
//!
//! The string framing is `<length>:<packet>`, the length in UTF-16 code units as JavaScript counts. The binary framing is
//! `<0 text | 1 binary><decimal digits as bytes 0 to 9><255><packet>`, the length in bytes.

use super::decode::{Limits, PayloadError, utf8};
use super::encode::Item;
use crate::engineio::base64;
use crate::engineio::packet::{Packet, Version, decode_binary as decode_binary_packet, decode_text};

/// The longest length; Node (`decodePayloadAsBinary`) takes as many digits as `Number.MAX_VALUE` has.
const MAX_DIGITS: usize = 310;
const TEXT: u8 = 0;
const BINARY: u8 = 1;
const END_OF_LENGTH: u8 = 0xff;
/// A MESSAGE as a number, in front of binary data.
const MESSAGE: u8 = 4;

pub(super) fn decode<'a>(body: &'a str, limits: &Limits) -> Result<Vec<Packet<'a>>, PayloadError> {
    let mut packets = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (length, digits) = length(rest.as_bytes(), b'0', b':')?;
        let (packet, tail) = split_utf16(&rest[digits + 1..], length)?;
        // `0:` is how the empty list is written; Node skips an empty packet wherever it stands.
        if !packet.is_empty() {
            push(&mut packets, decode_text(Version::V3, packet)?, limits)?;
        }
        rest = tail;
    }
    Ok(packets)
}

pub(super) fn decode_binary<'a>(body: &'a [u8], limits: &Limits) -> Result<Vec<Packet<'a>>, PayloadError> {
    let mut packets = Vec::new();
    let mut rest = body;
    while let [framing, lengthy @ ..] = rest {
        let (length, digits) = length(lengthy, 0, END_OF_LENGTH)?;
        let (packet, tail) = lengthy[digits + 1..].split_at_checked(length).ok_or(PayloadError::Truncated)?;
        let packet = match *framing {
            TEXT => decode_text(Version::V3, utf8(packet)?)?,
            BINARY => decode_binary_packet(Version::V3, packet)?,
            _ => return Err(PayloadError::Length),
        };
        push(&mut packets, packet, limits)?;
        rest = tail;
    }
    Ok(packets)
}

pub(super) fn encode<'a>(items: impl Iterator<Item = Item<'a>>, out: &mut Vec<u8>) {
    let start = out.len();
    for item in items {
        match item {
            Item::Text(text) => {
                write_length(utf16_len(text), b'0', b':', out);
                out.extend_from_slice(text.as_bytes());
            }
            Item::Binary(data) => {
                write_length(2 + base64::encoded_len(data.len()), b'0', b':', out);
                out.extend_from_slice(b"b4");
                base64::encode(data, out);
            }
        }
    }
    if out.len() == start {
        out.extend_from_slice(b"0:");
    }
}

pub(super) fn encode_binary<'a>(items: impl Iterator<Item = Item<'a>>, out: &mut Vec<u8>) {
    for item in items {
        match item {
            Item::Text(text) => {
                out.push(TEXT);
                write_length(text.len(), 0, END_OF_LENGTH, out);
                out.extend_from_slice(text.as_bytes());
            }
            Item::Binary(data) => {
                out.push(BINARY);
                write_length(1 + data.len(), 0, END_OF_LENGTH, out);
                out.push(MESSAGE);
                out.extend_from_slice(data);
            }
        }
    }
}

pub(super) fn encoded_len(item: &Item<'_>) -> usize {
    match item {
        // The binary framing has a byte more, and counts bytes where the other counts UTF-16 units.
        Item::Text(text) => 1 + digits(text.len()) + 1 + text.len(),
        Item::Binary(data) => {
            let text = 2 + base64::encoded_len(data.len());
            let binary = 1 + data.len();
            (digits(text) + 1 + text).max(1 + digits(binary) + 1 + binary)
        }
    }
}

/// Reads a length and how many digits it has; a digit is `zero` to `zero + 9`, and `end` follows the last.
fn length(bytes: &[u8], zero: u8, end: u8) -> Result<(usize, usize), PayloadError> {
    let mut length = 0_usize;
    for (index, &byte) in bytes.iter().enumerate().take(MAX_DIGITS + 1) {
        if byte == end && index > 0 {
            return Ok((length, index));
        }
        let digit = byte.wrapping_sub(zero);
        if digit > 9 {
            return Err(PayloadError::Length);
        }
        // No body is that long, so a saturated length is found out as one beyond its end.
        length = length.saturating_mul(10).saturating_add(usize::from(digit));
    }
    Err(PayloadError::Length)
}

/// Splits `text` after `units` UTF-16 code units.
fn split_utf16(text: &str, units: usize) -> Result<(&str, &str), PayloadError> {
    // A code unit takes at least one byte of UTF-8, and exactly one as long as all is ASCII.
    let head = text.as_bytes().get(..units).ok_or(PayloadError::Truncated)?;
    if head.is_ascii() {
        return Ok(text.split_at(units));
    }
    let mut left = units;
    for (index, character) in text.char_indices() {
        if left == 0 {
            return Ok(text.split_at(index));
        }
        // A length that ends between the halves of a surrogate pair has no place in UTF-8.
        left = left.checked_sub(character.len_utf16()).ok_or(PayloadError::Truncated)?;
    }
    if left == 0 { Ok((text, "")) } else { Err(PayloadError::Truncated) }
}

fn push<'a>(packets: &mut Vec<Packet<'a>>, packet: Packet<'a>, limits: &Limits) -> Result<(), PayloadError> {
    if packets.len() >= limits.max_packets {
        return Err(PayloadError::TooManyPackets);
    }
    packets.push(packet);
    Ok(())
}

fn write_length(length: usize, zero: u8, end: u8, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = length;
    loop {
        out.push(zero + u8::try_from(rest % 10).expect("a remainder of ten is a digit"));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
    out.push(end);
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

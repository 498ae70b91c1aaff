//! What both versions' decoders have in common: the way in, the limits and the errors.

use super::{v3, v4};
use crate::engineio::{Packet, PacketError, Version};

/// What one payload may hold; how many bytes it may have is the HTTP layer's to limit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The most packets in one payload, 65 536 by default.
    ///
    /// The official client puts everything that waits into one POST and knows only `maxPayload`, so a burst of
    /// thousands of small events is legal, and a bound of a handful would cut off honest clients. A decoded packet
    /// takes 32 bytes, though, and may come from a body of two bytes; the default keeps that at 2 MiB.
    pub max_packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_packets: 1 << 16 }
    }
}

/// Why a POST's body is not a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A payload has at least one packet.
    #[error("the payload is empty")]
    Empty,
    /// The body is `application/octet-stream`, which Engine.IO 4 does not know.
    ///
    /// This is the one error after which Node closes with `transport error` instead of `parse error`.
    #[error("a binary payload needs Engine.IO 3")]
    BinaryContent,
    /// There are more packets than [`Limits::max_packets`].
    #[error("the payload has too many packets")]
    TooManyPackets,
    /// The body, or a text packet in a binary body, is not UTF-8.
    #[error("the payload is not valid UTF-8")]
    NotUtf8,
    /// A v3 packet does not begin with a length.
    #[error("a packet's length is invalid")]
    Length,
    /// A v3 packet's length does not fit what follows: it is beyond the end or within a character.
    #[error("a packet's length does not fit the payload")]
    Truncated,
    /// One of the packets is invalid.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// Decodes the body of a POST; `binary` says that its content type was `application/octet-stream`.
///
/// Either every packet is good or none is returned. Everything but base64 is borrowed from `body`. The v3 payload `0:`
/// is the empty list and gives no packets.
///
/// # Errors
///
/// When the body is not a payload of this version, or exceeds `limits`.
pub fn decode_payload<'a>(
    version: Version,
    binary: bool,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Vec<Packet<'a>>, PayloadError> {
    match (version, binary) {
        // Node `onDataRequest`: "invalid content"; any other content type is text.
        (Version::V4, true) => Err(PayloadError::BinaryContent),
        _ if body.is_empty() => Err(PayloadError::Empty),
        (Version::V4, false) => v4::decode(utf8(body)?, limits),
        (Version::V3, false) => v3::decode(utf8(body)?, limits),
        // Protocol v3, "Payload": the encoding of clients with XHR2.
        (Version::V3, true) => v3::decode_binary(body, limits),
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, PayloadError> {
    std::str::from_utf8(bytes).map_err(|_| PayloadError::NotUtf8)
}

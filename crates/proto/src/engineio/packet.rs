//! Single packets, and the WebSocket messages that carry one each.

use std::borrow::Cow;

use super::base64;

/// The version of the Engine.IO protocol a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Version {
    /// `EIO=3`, spoken by the clients of Socket.IO 1 and 2.
    V3,
    /// `EIO=4`, spoken by the clients of Socket.IO 3 and 4.
    V4,
}

/// The type of a packet, the same seven in both versions of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `0`, the server's handshake.
    Open,
    /// `1`, the sender is about to close the transport.
    Close,
    /// `2`, the question of a heartbeat, or of the upgrade's probe.
    Ping,
    /// `3`, the answer to a ping.
    Pong,
    /// `4`, what the layer above wants to say.
    Message,
    /// `5`, the client has moved to the probed transport.
    Upgrade,
    /// `6`, nothing: it ends a parked poll.
    Noop,
}

impl Kind {
    /// The type an ASCII digit stands for.
    #[inline]
    pub const fn from_digit(byte: u8) -> Option<Self> {
        Some(match byte {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return None,
        })
    }

    /// The ASCII digit that stands for this type.
    #[inline]
    pub const fn digit(self) -> u8 {
        match self {
            Self::Open => b'0',
            Self::Close => b'1',
            Self::Ping => b'2',
            Self::Pong => b'3',
            Self::Message => b'4',
            Self::Upgrade => b'5',
            Self::Noop => b'6',
        }
    }
}

/// A packet inside a polling payload or a WebSocket message, borrowed where it can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    /// A packet of any type with text.
    Text {
        /// The packet's type.
        kind: Kind,
        /// What follows the type's digit.
        data: &'a str,
    },
    /// Binary data, which is always a MESSAGE; v3's type byte and the base64 of text transports are already undone.
    Binary(Cow<'a, [u8]>),
}

/// Why bytes are not a packet; the session they came over is closed with [`Reason::ParseError`].
///
/// [`Reason::ParseError`]: super::Reason::ParseError
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// A packet has at least its type.
    #[error("the packet is empty")]
    Empty,
    /// The first character is neither a digit from `0` to `6` nor the `b` of base64.
    #[error("the packet's type is unknown")]
    UnknownType,
    /// Binary data whose type, which only v3 writes, is another than MESSAGE.
    #[error("a binary packet is not a message")]
    BinaryNotMessage,
    /// What follows `b` is not base64.
    #[error("the packet's base64 is invalid")]
    Base64,
}

/// Decodes a whole WebSocket text message, `<digit><data>` or `b` and base64.
///
/// Only base64 allocates. Text data is not checked further: the layer above knows what a MESSAGE must look like.
///
/// # Errors
///
/// When the message is not a packet.
#[inline]
pub fn decode_text(version: Version, message: &str) -> Result<Packet<'_>, PacketError> {
    let Some(&first) = message.as_bytes().first() else { return Err(PacketError::Empty) };
    if let Some(kind) = Kind::from_digit(first) {
        return Ok(Packet::Text { kind, data: &message[1..] });
    }
    // Clients with `forceBase64` send binary data as text over a WebSocket, too (Node: `decodePacket`).
    if first == b'b' { decode_base64(version, &message[1..]) } else { Err(PacketError::UnknownType) }
}

/// Decodes a whole WebSocket binary message: the data itself in v4, the byte 4 and the data in v3.
///
/// # Errors
///
/// When a v3 message lacks its type or has another than MESSAGE.
#[inline]
pub fn decode_binary(version: Version, message: &[u8]) -> Result<Packet<'_>, PacketError> {
    match (version, message) {
        // Protocol v4, "WebSocket": binary data is sent as it is, also when there is none.
        (Version::V4, data) => Ok(Packet::Binary(Cow::Borrowed(data))),
        // Protocol v3, "Packet": the type is in the first byte, as a number and not as a digit.
        (Version::V3, [4, data @ ..]) => Ok(Packet::Binary(Cow::Borrowed(data))),
        (Version::V3, []) => Err(PacketError::Empty),
        (Version::V3, _) => Err(PacketError::BinaryNotMessage),
    }
}

fn decode_base64(version: Version, encoded: &str) -> Result<Packet<'_>, PacketError> {
    let encoded = match version {
        // Protocol v4, "HTTP long-polling": `b` alone, binary data is always a message.
        Version::V4 => encoded,
        // Protocol v3, "Payload": `b<packet1 type><packet1 data in b64>`.
        Version::V3 => encoded.strip_prefix('4').ok_or(PacketError::BinaryNotMessage)?,
    };
    let data = base64::decode(encoded).ok_or(PacketError::Base64)?;
    Ok(Packet::Binary(Cow::Owned(data)))
}

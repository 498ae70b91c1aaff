use std::{fmt, iter, sync::Arc};

use super::{DecodeError, EncodeError, Kind, Limits, Message, OutPacket, OwnedPacket, write_header};

/// How packets are written as messages: both sides must use the same.
#[derive(Clone, Debug, Default)]
pub enum Parser {
    /// `socket.io-parser`: JSON text, binary values as attachments.
    #[default]
    Json,
    /// `socket.io-msgpack-parser`: one msgpack map in a binary message.
    #[cfg(feature = "msgpack")]
    MsgPack,
    /// Anything else.
    Custom(Arc<dyn CustomParser>),
}

impl Parser {
    /// Encodes a packet as the messages that carry it, which have to be sent uninterrupted.
    ///
    /// # Errors
    ///
    /// The text is not valid JSON or nested too deep, for a parser that has to read it; the JSON parser does not.
    pub fn encode(&self, packet: &OutPacket<'_>) -> Result<Vec<Message>, EncodeError> {
        match self {
            Self::Json => Ok(encode_json(packet)),
            #[cfg(feature = "msgpack")]
            Self::MsgPack => Ok(vec![Message::Binary(super::msgpack::encode(packet)?)]),
            Self::Custom(parser) => parser.encode(packet),
        }
    }

    /// Returns whether this is the default parser, for which [`write_header`](super::write_header) and
    /// [`write_event`](super::write_event) write what goes over the wire.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json)
    }
}

/// Any other packet encoding (the `parser` option of the JavaScript server and client).
pub trait CustomParser: fmt::Debug + Send + Sync + 'static {
    /// Encodes a packet as the messages that carry it, which are sent uninterrupted.
    ///
    /// # Errors
    ///
    /// The packet is not sent, and its sender is told.
    fn encode(&self, packet: &OutPacket<'_>) -> Result<Vec<Message>, EncodeError>;

    /// Creates the decoder of one connection.
    fn decoder(&self) -> Box<dyn CustomDecoder>;
}

/// The incoming half of a [`CustomParser`], one per connection.
///
/// Both methods return `None` while more messages are needed to complete a packet. Reserved event names and the shape of
/// the payload are checked by the caller.
pub trait CustomDecoder: Send {
    /// Takes a text message.
    ///
    /// # Errors
    ///
    /// An error ends the connection.
    fn text(&mut self, message: &str, limits: &Limits) -> Result<Option<OwnedPacket>, DecodeError>;

    /// Takes a binary message.
    ///
    /// # Errors
    ///
    /// An error ends the connection.
    fn binary(&mut self, message: &[u8], limits: &Limits) -> Result<Option<OwnedPacket>, DecodeError>;

    /// Returns whether no packet is half assembled.
    fn is_idle(&self) -> bool {
        true
    }
}

fn encode_json(packet: &OutPacket<'_>) -> Vec<Message> {
    let attachments = match packet.kind {
        Kind::Event | Kind::Ack => packet.attachments,
        _ => &[],
    };
    let json = packet.json.unwrap_or_default();
    let mut text = Vec::with_capacity(packet.namespace.len() + json.len() + 24);
    write_header(&mut text, packet.kind, packet.namespace, packet.id, attachments.len());
    text.extend_from_slice(json.as_bytes());
    let text = String::from_utf8(text).expect("a header and JSON are text");

    let attachments = attachments.iter().cloned().map(Message::Binary);
    iter::once(Message::Text(text)).chain(attachments).collect()
}

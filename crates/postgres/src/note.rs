use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Unexpected};
use tower_socketio_adapter::{BusError, Message, MessageError, MessageKind};
use tower_socketio_proto::socketio::json_to_msgpack;

use crate::channel::Channel;

/// The longest payload that Postgres notifies, in bytes.
const LONGEST: usize = 7999;

/// A message as it goes to Postgres.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) channel: Channel,
    pub(crate) body: Body,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The whole envelope.
    Whole(String),
    /// The envelope in msgpack lies in the table; notified is its number between these.
    Attached { envelope: Vec<u8>, head: String, tail: &'static str },
}

impl Note {
    /// Encodes a message.
    ///
    /// Node's rule: what has attachments or is too long lies in the table. Exactly as many bytes as its default of 8000
    /// Postgres does not notify any more, so they are too long, too.
    pub(crate) fn new(message: &Message, channel: Channel, threshold: usize) -> Result<Self, BusError> {
        let json = String::from_utf8(message.to_json()).map_err(BusError::refused)?;
        if message.attachments.is_empty() && json.len() <= threshold.min(LONGEST) {
            return Ok(Self { channel, body: Body::Whole(json) });
        }
        let mut envelope = Vec::with_capacity(json.len() + message.size());
        json_to_msgpack(&mut envelope, &json, &message.attachments).map_err(BusError::refused)?;
        let node = serde_json::to_string(&*message.node).map_err(BusError::refused)?;
        let head = format!("{{\"uid\":{node},\"type\":{},\"attachmentId\":\"", message.kind.number());
        Ok(Self { channel, body: Body::Attached { envelope, head, tail: "\"}" } })
    }
}

/// What a notification says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Whole(Message),
    /// The message lies in the table.
    Attached(Header),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) node: Arc<str>,
    pub(crate) kind: MessageKind,
    pub(crate) id: i64,
}

impl Payload {
    pub(crate) fn read(payload: String) -> Result<Self, MessageError> {
        // It may as well be data of the program's, so the envelope itself is asked.
        if memchr::memmem::find(payload.as_bytes(), b"\"attachmentId\"").is_some() {
            let wire: WireHeader = serde_json::from_str(&payload)
                .map_err(|error| MessageError::Malformed(error.into()))?;
            if let Some(Id(id)) = wire.id {
                let number = wire.r#type;
                let kind = u8::try_from(number).ok().and_then(MessageKind::from_number);
                let kind = kind.ok_or(MessageError::UnknownKind(number))?;
                return Ok(Self::Attached(Header { node: wire.uid.unwrap_or_default().into(), kind, id }));
            }
        }
        Message::from_json(&payload.into(), Vec::new()).map(Self::Whole)
    }
}

/// Reads what lay in the table.
pub(crate) fn read_attachment(envelope: Vec<u8>) -> Result<Message, MessageError> {
    Message::decode(&Bytes::from(envelope))
}

#[derive(Deserialize)]
struct WireHeader {
    r#type: u64,
    uid: Option<String>,
    #[serde(rename = "attachmentId")]
    id: Option<Id>,
    #[serde(rename = "data")]
    _data: Option<IgnoredAny>,
}

/// A bigserial: Node's client reads it as a string.
struct Id(i64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Number(i64),
            Text(String),
        }

        match Wire::deserialize(deserializer)? {
            Wire::Number(id) => Ok(Self(id)),
            Wire::Text(text) => text
                .parse()
                .map(Self)
                .map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"the number of a row")),
        }
    }
}

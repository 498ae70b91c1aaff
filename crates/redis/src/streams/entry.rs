use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use tower_socketio_adapter::{Message, MessageKind, Offset};
use tower_socketio_proto::socketio::{json_to_msgpack, msgpack_to_json};

/// As Node: padding may be missing, and what hangs over.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An entry of a stream as it was read; nothing is decoded yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: Offset,
    pub(super) uid: Bytes,
    pub(super) nsp: Bytes,
    pub(super) kind: Bytes,
    pub(super) data: Bytes,
}

/// Why a message or a session is not written or not read.
pub(super) type CodecError = Box<dyn std::error::Error + Send + Sync>;

impl Entry {
    /// Takes the fields that mean something; of several with one name the last counts.
    pub(super) fn new(id: Offset, fields: impl IntoIterator<Item = (Bytes, Bytes)>) -> Self {
        let mut entry = Self { id, ..Self::default() };
        for (name, value) in fields {
            match &*name {
                b"uid" => entry.uid = value,
                b"nsp" => entry.nsp = value,
                b"type" => entry.kind = value,
                b"data" => entry.data = value,
                _ => {}
            }
        }
        entry
    }

    /// The namespace; `None` if the entry is none of ours.
    pub(super) fn namespace(&self) -> Option<&str> {
        std::str::from_utf8(&self.nsp).ok().filter(|namespace| !namespace.is_empty())
    }

    /// What the message is about.
    pub(super) fn kind(&self) -> Option<MessageKind> {
        std::str::from_utf8(&self.kind).ok()?.parse().ok().and_then(MessageKind::from_number)
    }

    /// Decodes the entry.
    pub(super) fn message(&self, namespace: Arc<str>) -> Result<Message, CodecError> {
        let kind = self.kind().ok_or("no kind of message")?;
        let node = std::str::from_utf8(&self.uid)?;
        let (data, attachments) = match self.data.first() {
            None | Some(b'{') => (self.data.clone(), Vec::new()),
            Some(_) => {
                let (data, attachments) = msgpack_to_json(&BASE64.decode(&self.data)?)?;
                (data.into(), attachments)
            }
        };
        Ok(Message::new(kind, Some(namespace), node.into(), data, attachments))
    }
}

/// The fields of the entry for a message, in Node's order.
pub(super) fn fields(message: &Message) -> Result<Vec<(&'static str, Bytes)>, CodecError> {
    let namespace = message.namespace.as_deref().ok_or("a message without a namespace")?;
    let mut fields = vec![
        ("uid", Bytes::copy_from_slice(message.node.as_bytes())),
        ("nsp", Bytes::copy_from_slice(namespace.as_bytes())),
        ("type", message.kind.number().to_string().into()),
    ];
    if !message.data.is_empty() {
        fields.push(("data", data(message)?));
    }
    Ok(fields)
}

fn data(message: &Message) -> Result<Bytes, CodecError> {
    if message.attachments.is_empty() {
        return Ok(message.data.clone());
    }
    let mut msgpack = Vec::with_capacity(message.size());
    json_to_msgpack(&mut msgpack, std::str::from_utf8(&message.data)?, &message.attachments)?;
    Ok(BASE64.encode(msgpack).into())
}

/// Whether nobody needs the message later: such messages go by pub/sub.
///
/// Node's are requests, answers, and all events for programs but those of emitters. Heartbeats and farewells, which Node
/// does not send over streams, are ours.
pub(super) fn is_ephemeral(message: &Message) -> bool {
    match message.kind {
        MessageKind::SocketsJoin | MessageKind::SocketsLeave | MessageKind::DisconnectSockets => false,
        MessageKind::Broadcast => message.is_request(),
        MessageKind::ServerSideEmit => *message.node != *Message::EMITTER,
        _ => true,
    }
}

use std::fmt;

use bytes::Bytes;

/// What a packet is for.
///
/// `BINARY_EVENT` and `BINARY_ACK` are no kinds of their own: whether a packet carries attachments is a matter of its
/// encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `0`: a client joins a namespace, or the server accepts it.
    Connect,
    /// `1`: either side leaves a namespace.
    Disconnect,
    /// `2` or `5`: a named event with arguments.
    Event,
    /// `3` or `6`: the answer to an event that asked for one.
    Ack,
    /// `4`: the server refuses a client. Only servers send it.
    ConnectError,
}

/// A packet as it arrived, borrowed from the message or from the [`Decoder`](super::Decoder) that assembled it.
#[derive(Clone, PartialEq)]
pub struct Packet<'a> {
    /// What the packet is for.
    pub kind: Kind,
    /// The namespace without its query, `/` where the packet names none.
    pub namespace: &'a str,
    /// What follows `?` in the namespace: clients of version 4 authenticate with it (`0/admin?token=1,`), and may repeat
    /// it in any packet.
    pub query: Option<&'a str>,
    /// The number an acknowledgement is asked for or given with.
    pub id: Option<u64>,
    /// The payload, not yet parsed.
    pub data: Data<'a>,
    /// What the placeholders of a JSON payload refer to, in the order of arrival. Unallocated for text packets.
    pub attachments: Vec<Bytes>,
}

impl<'a> Packet<'a> {
    /// Creates a packet of the namespace `/` without an acknowledgement's number, with text of the shape that its kind
    /// demands.
    pub fn json(kind: Kind, json: &'a str, attachments: Vec<Bytes>) -> Self {
        Self { kind, namespace: "/", query: None, id: None, data: Data::Json(json), attachments }
    }
}

/// A payload that has the outer shape its packet demands and is otherwise unchecked.
#[derive(Clone, Copy, PartialEq)]
pub enum Data<'a> {
    /// There is no payload.
    None,
    /// A JSON array (events, acknowledgements) or object (CONNECT), without whitespace around it.
    Json(&'a str),
    /// One msgpack value.
    MsgPack(&'a [u8]),
}

/// A packet that owns its parts: what a [`CustomDecoder`](super::CustomDecoder) gives.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedPacket {
    /// What the packet is for.
    pub kind: Kind,
    /// The namespace as it came, with its query if it has one.
    pub namespace: String,
    /// The number an acknowledgement is asked for or given with.
    pub id: Option<u64>,
    /// A JSON array for events (their name first) and acknowledgements, an object for CONNECT. Binary values stand in it
    /// as `{"_placeholder":true,"num":0}`.
    pub json: Option<String>,
    /// What the placeholders refer to.
    pub attachments: Vec<Bytes>,
}

/// An outgoing packet, before any [`Parser`](super::Parser) encoded it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutPacket<'a> {
    /// What the packet is for.
    pub kind: Kind,
    /// The namespace.
    pub namespace: &'a str,
    /// The number an acknowledgement is asked for or given with.
    pub id: Option<u64>,
    /// A JSON array for events (their name first) and acknowledgements, an object for CONNECT, any value for
    /// CONNECT_ERROR. Binary values stand in it as `{"_placeholder":true,"num":0}`.
    pub json: Option<&'a str>,
    /// What the placeholders refer to.
    pub attachments: &'a [Bytes],
}

/// One Engine.IO message: what follows the engine's MESSAGE type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

impl<'a> Packet<'a> {
    /// Splits what the wire calls a namespace at its query.
    pub(super) fn split_namespace(namespace: &'a str) -> (&'a str, Option<&'a str>) {
        match namespace.split_once('?') {
            Some((name, query)) => (name, Some(query)),
            None => (namespace, None),
        }
    }
}

/// Shows neither query nor payload: they may hold secrets, and what is debugged ends in logs.
impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("kind", &self.kind)
            .field("namespace", &self.namespace)
            .field("id", &self.id)
            .field("data", &self.data)
            .field("attachments", &self.attachments.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Json(json) => write!(f, "Json({} bytes)", json.len()),
            Self::MsgPack(value) => write!(f, "MsgPack({} bytes)", value.len()),
        }
    }
}

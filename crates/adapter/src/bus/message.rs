use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
#[cfg(feature = "msgpack")]
use tower_socketio_proto::socketio::{json_to_msgpack, msgpack_to_json};

use super::MessageError;
use crate::json::write_string;

/// One envelope of the messages between nodes, those of Node's `ClusterAdapter`.
///
/// It is not yet encoded: a carrier that is to be understood by Node's adapters writes it as they do, in JSON or in
/// msgpack with the attachments in the places of their placeholders (`encode`, `to_msgpack` and `decode`, with the Cargo
/// feature `msgpack`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What the message is about; it decides what is in `data`.
    pub kind: MessageKind,
    /// The namespace; `None` means that of the channel from which it came.
    pub namespace: Option<Arc<str>>,
    /// The node that sent it: 8 random bytes in hexadecimal digits, new for each namespace and run; or
    /// [`EMITTER`](Self::EMITTER).
    pub node: Arc<str>,
    /// The text of a JSON object with a placeholder, `{"_placeholder":true,"num":0}`, for each attachment; empty if the
    /// kind has no data.
    pub data: Bytes,
    /// The binary attachments, in the order of their placeholders' numbers.
    pub attachments: Vec<Bytes>,
}

/// What a message is about, with the numbers that Node gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// A node is there, and asks who else is.
    InitialHeartbeat = 1,
    /// A node is still there.
    Heartbeat = 2,
    /// An event for sockets: `{packet, opts, requestId?}`.
    Broadcast = 3,
    /// Sockets join rooms: `{opts, rooms}`.
    SocketsJoin = 4,
    /// Sockets leave rooms: `{opts, rooms}`.
    SocketsLeave = 5,
    /// Sockets are disconnected: `{opts, close}`.
    DisconnectSockets = 6,
    /// Which sockets are there? `{opts, requestId}`.
    FetchSockets = 7,
    /// These are: `{requestId, sockets}`.
    FetchSocketsResponse = 8,
    /// An event for the program: `{packet, requestId?}`.
    ServerSideEmit = 9,
    /// What the program answers: `{requestId, packet}`.
    ServerSideEmitResponse = 10,
    /// So many sockets were asked: `{requestId, clientCount}`.
    BroadcastClientCount = 11,
    /// What one of them answers: `{requestId, packet}`.
    BroadcastAck = 12,
    /// A node leaves.
    AdapterClose = 13,
    /// A socket that was asked has left and answers no more: `{requestId}`. Node's adapters know no such kind and pass it
    /// over.
    ClientLost = 100,
}

impl Message {
    /// Who sends a message, if that is no node but a program that only emits: it is never waited for, and asks nothing.
    pub const EMITTER: &'static str = "emitter";

    /// Creates an envelope.
    pub fn new(
        kind: MessageKind,
        namespace: Option<Arc<str>>,
        node: Arc<str>,
        data: Bytes,
        attachments: Vec<Bytes>,
    ) -> Self {
        Self { kind, namespace, node, data, attachments }
    }

    /// Returns the envelope as Node writes it in JSON, `{"type":3,"data":{…},"uid":"…","nsp":"/"}`, with placeholders.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.data.len() + 64);
        json.extend_from_slice(b"{\"type\":");
        json.extend_from_slice(self.kind.number().to_string().as_bytes());
        if !self.data.is_empty() {
            json.extend_from_slice(b",\"data\":");
            json.extend_from_slice(&self.data);
        }
        json.extend_from_slice(b",\"uid\":");
        write_string(&mut json, &self.node);
        if let Some(namespace) = &self.namespace {
            json.extend_from_slice(b",\"nsp\":");
            write_string(&mut json, namespace);
        }
        json.push(b'}');
        json
    }

    /// Reads an envelope in JSON; its data is not looked at and not copied. A sender without a name is empty.
    ///
    /// # Errors
    ///
    /// If the text is no envelope, or one of a kind that is not known.
    pub fn from_json(json: &Bytes, attachments: Vec<Bytes>) -> Result<Self, MessageError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            r#type: u64,
            #[serde(borrow)]
            data: Option<&'a RawValue>,
            #[serde(borrow)]
            uid: Option<Cow<'a, str>>,
            #[serde(borrow)]
            nsp: Option<Cow<'a, str>>,
        }

        let envelope: Envelope<'_> =
            serde_json::from_slice(json).map_err(|error| MessageError::Malformed(error.into()))?;
        let number = envelope.r#type;
        let kind = u8::try_from(number).ok().and_then(MessageKind::from_number);
        Ok(Self {
            kind: kind.ok_or(MessageError::UnknownKind(number))?,
            namespace: envelope.nsp.map(Arc::from),
            node: envelope.uid.map(Arc::from).unwrap_or_default(),
            data: envelope.data.map(|data| json.slice_ref(data.get().as_bytes())).unwrap_or_default(),
            attachments,
        })
    }

    /// Encodes the envelope as Node's sharded and Postgres adapters do: in JSON, or in msgpack with the attachments in
    /// their places if there are some.
    ///
    /// # Errors
    ///
    /// If an attachment is missing, or if the data is nested too deep for msgpack.
    #[cfg(feature = "msgpack")]
    pub fn encode(&self) -> Result<Bytes, MessageError> {
        if self.attachments.is_empty() { Ok(self.to_json().into()) } else { Ok(self.to_msgpack()?.into()) }
    }

    /// Encodes the envelope in msgpack, with the attachments in their places, whether there are some or not.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    #[cfg(feature = "msgpack")]
    pub fn to_msgpack(&self) -> Result<Vec<u8>, MessageError> {
        let json = self.to_json();
        let json = std::str::from_utf8(&json).map_err(|error| MessageError::Malformed(error.into()))?;
        let mut msgpack = Vec::with_capacity(json.len() + self.size());
        json_to_msgpack(&mut msgpack, json, &self.attachments)
            .map_err(|error| MessageError::Malformed(error.into()))?;
        Ok(msgpack)
    }

    /// Reads an envelope in JSON, which begins with `{`, or in msgpack.
    ///
    /// # Errors
    ///
    /// If the bytes are no envelope, or one of a kind that is not known.
    #[cfg(feature = "msgpack")]
    pub fn decode(bytes: &Bytes) -> Result<Self, MessageError> {
        if bytes.first() == Some(&b'{') {
            return Self::from_json(bytes, Vec::new());
        }
        let (json, attachments) =
            msgpack_to_json(bytes).map_err(|error| MessageError::Malformed(error.into()))?;
        Self::from_json(&json.into(), attachments)
    }

    /// Returns whether the sender waits for answers, so that nobody needs the message later; answers themselves do not
    /// count.
    pub fn is_request(&self) -> bool {
        #[derive(Deserialize)]
        struct Request {
            #[serde(rename = "requestId")]
            id: Option<IgnoredAny>,
        }

        match self.kind {
            MessageKind::FetchSockets => true,
            MessageKind::Broadcast | MessageKind::ServerSideEmit => {
                serde_json::from_slice::<Request>(&self.data).is_ok_and(|request| request.id.is_some())
            }
            _ => false,
        }
    }

    /// Returns the number of bytes of the data and the attachments.
    pub fn size(&self) -> usize {
        self.data.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }
}

impl MessageKind {
    /// Returns the number by which nodes know the kind.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns whether this answers a request.
    pub fn is_answer(self) -> bool {
        matches!(
            self,
            Self::FetchSocketsResponse
                | Self::ServerSideEmitResponse
                | Self::BroadcastClientCount
                | Self::BroadcastAck
                | Self::ClientLost
        )
    }

    /// Returns the kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::InitialHeartbeat,
            2 => Self::Heartbeat,
            3 => Self::Broadcast,
            4 => Self::SocketsJoin,
            5 => Self::SocketsLeave,
            6 => Self::DisconnectSockets,
            7 => Self::FetchSockets,
            8 => Self::FetchSocketsResponse,
            9 => Self::ServerSideEmit,
            10 => Self::ServerSideEmitResponse,
            11 => Self::BroadcastClientCount,
            12 => Self::BroadcastAck,
            13 => Self::AdapterClose,
            100 => Self::ClientLost,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope(kind: MessageKind, data: &'static str) -> Message {
        let data = Bytes::from_static(data.as_bytes());
        Message::new(kind, Some("/".into()), "41e7c4b94158eb66".into(), data, Vec::new())
    }

    #[test]
    fn an_envelope_is_written_as_node_writes_it() {
        let data = r#"{"packet":{"type":2,"data":["foo",1]},"opts":{"rooms":[],"except":[],"flags":{}}}"#;
        let json = envelope(MessageKind::Broadcast, data).to_json();
        let expected = format!(r#"{{"type":3,"data":{data},"uid":"41e7c4b94158eb66","nsp":"/"}}"#);
        assert_eq!(String::from_utf8(json).unwrap(), expected);
        let json = envelope(MessageKind::AdapterClose, "").to_json();
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"type":13,"uid":"41e7c4b94158eb66","nsp":"/"}"#);
    }

    #[test]
    fn an_envelope_is_read_whatever_the_order_and_without_what_may_be_missing() {
        let json = Bytes::from_static(br#"{ "uid":"emitter", "data": {"a":[1 ,2]} , "x":0, "type":3 }"#);
        let message = Message::from_json(&json, vec![Bytes::from_static(b"b")]).unwrap();
        assert_eq!(
            (message.kind, &*message.node, message.namespace),
            (MessageKind::Broadcast, "emitter", None)
        );
        assert_eq!((&*message.data, message.attachments.len()), (&br#"{"a":[1 ,2]}"#[..], 1));
    }

    #[test]
    fn what_is_no_envelope_is_an_error() {
        for json in ["", "[]", "{", "null", r#"{"type":"3"}"#, r#"{"type":-1}"#, r#"{"type":3,"uid":5}"#] {
            let read = Message::from_json(&Bytes::from_static(json.as_bytes()), Vec::new());
            assert!(matches!(read, Err(MessageError::Malformed(_))), "{json}: {read:?}");
        }
        for number in [0, 14, 256 + 3, u64::MAX] {
            let json = Bytes::from(format!(r#"{{"type":{number}}}"#));
            let read = Message::from_json(&json, Vec::new());
            assert!(matches!(read, Err(MessageError::UnknownKind(kind)) if kind == number), "{read:?}");
        }
    }

    #[test]
    fn requests_are_told_from_what_needs_no_answer() {
        for (kind, data, is_request) in [
            (MessageKind::Broadcast, r#"{"packet":{"data":["requestId"]},"opts":{}}"#, false),
            (MessageKind::Broadcast, r#"{"packet":{},"requestId":"r","opts":{}}"#, true),
            (MessageKind::ServerSideEmit, r#"{"packet":[{"requestId":"r"}]}"#, false),
            (MessageKind::ServerSideEmit, r#"{"requestId":"r","packet":[]}"#, true),
            (MessageKind::FetchSockets, r#"{"opts":{},"requestId":"r"}"#, true),
            (MessageKind::BroadcastAck, r#"{"requestId":"r"}"#, false),
            (MessageKind::Heartbeat, "", false),
        ] {
            assert_eq!(envelope(kind, data).is_request(), is_request, "{data}");
        }
    }

    #[test]
    fn kinds_have_nodes_numbers_from_1_to_13_and_one_of_our_own() {
        let kinds: Vec<_> = (0..=u8::MAX).filter_map(MessageKind::from_number).collect();
        let numbers: Vec<_> = kinds.into_iter().map(MessageKind::number).collect();
        assert_eq!(numbers, (1..=13).chain([100]).collect::<Vec<_>>());
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn an_envelope_with_attachments_is_msgpack_and_others_are_json() {
        let data = r#"{"packet":{"type":2,"data":["foo",{"_placeholder":true,"num":0}]},"opts":{}}"#;
        let mut message = envelope(MessageKind::Broadcast, data);
        message.attachments = vec![Bytes::from_static(&[1, 2, 3])];
        let msgpack = message.encode().unwrap();
        let mut expected =
            b"\x84\xa4type\x03\xa4data\x82\xa6packet\x82\xa4type\x02\xa4data\x92\xa3foo".to_vec();
        expected
            .extend_from_slice(b"\xc4\x03\x01\x02\x03\xa4opts\x80\xa3uid\xb041e7c4b94158eb66\xa3nsp\xa1/");
        assert_eq!(msgpack, expected);
        assert_eq!(Message::decode(&msgpack).unwrap(), message);
        let message = envelope(MessageKind::Broadcast, r#"{"packet":[]}"#);
        assert_eq!(message.encode().unwrap(), message.to_json());
        assert_eq!(Message::decode(&message.to_json().into()).unwrap(), message);
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn what_javascript_has_and_json_has_not_is_read_as_json_would_have_it() {
        // {type:3, data:[undefined, new Date(1.5e12), 2^53 + 1, 0.5], uid:"u"}
        let mut msgpack = b"\x83\xa4type\x03\xa4data\x94\xd4\x00\x00\xd6\xff\x59\x68\x2f\x00".to_vec();
        msgpack
            .extend_from_slice(b"\xcf\x00\x20\x00\x00\x00\x00\x00\x01\xcb\x3f\xe0\0\0\0\0\0\0\xa3uid\xa1u");
        let message = Message::decode(&msgpack.into()).unwrap();
        assert_eq!(message.data, r#"[null,"2017-07-14T02:40:00.000Z",9007199254740993,0.5]"#);
    }

    proptest! {
        #[cfg(feature = "msgpack")]
        #[test]
        fn any_bytes_are_decoded_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Message::decode(&bytes.into());
        }

        #[test]
        fn an_envelope_comes_back_from_its_json(
            number in 1u8..=13,
            namespace in proptest::option::of(".*"),
            node in ".*",
            text in ".*",
            attachments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..3),
        ) {
            let kind = MessageKind::from_number(number).unwrap();
            let data = serde_json::json!({ "packet": [text] }).to_string();
            let attachments: Vec<_> = attachments.into_iter().map(Bytes::from).collect();
            let message =
                Message::new(kind, namespace.map(Arc::from), node.into(), data.into(), attachments.clone());
            let json = Bytes::from(message.to_json());
            prop_assert_eq!(Message::from_json(&json, attachments).unwrap(), message);
        }

        #[test]
        fn any_bytes_are_an_envelope_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Message::from_json(&bytes.into(), Vec::new());
        }
    }
}

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Unexpected};
use tower_socketio_adapter::{BusError, Message, MessageError, MessageKind};

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

/// How long messages may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Notified itself.
    pub(crate) threshold: usize,
    /// In the table.
    pub(crate) largest: usize,
}

impl Note {
    /// Encodes a message.
    ///
    /// Node's rule: what has attachments or is too long lies in the table. Exactly as many bytes as its default of 8000
    /// Postgres does not notify any more, so they are too long, too.
    pub(crate) fn new(message: &Message, channel: Channel, limits: Limits) -> Result<Self, BusError> {
        let json = String::from_utf8(message.to_json()).map_err(BusError::refused)?;
        if message.attachments.is_empty() && json.len() <= limits.threshold.min(LONGEST) {
            return Ok(Self { channel, body: Body::Whole(json) });
        }
        let envelope = message.to_msgpack().map_err(BusError::refused)?;
        if envelope.len() > limits.largest {
            return Err(BusError::refused("it is longer than `max_attachment`"));
        }
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) node: Arc<str>,
    pub(crate) kind: MessageKind,
    pub(crate) id: i64,
}

impl Payload {
    pub(crate) fn read(payload: String) -> Result<Self, MessageError> {
        // It may as well be data of the program's, so the envelope itself is asked.
        if memchr::memmem::find(payload.as_bytes(), b"\"attachmentId\"").is_some() {
            let wire: WireHeader =
                serde_json::from_str(&payload).map_err(|error| MessageError::Malformed(error.into()))?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: MessageKind, data: String, attachments: Vec<Bytes>) -> Message {
        Message::new(kind, Some("/".into()), "41e7c4b94158eb66".into(), data.into(), attachments)
    }

    fn note(message: &Message, threshold: usize) -> Body {
        let limits = Limits { threshold, largest: 1 << 20 };
        Note::new(message, Channel::new("socket.io", "/"), limits).unwrap().body
    }

    /// A message whose JSON has this many bytes.
    fn sized(bytes: usize) -> Message {
        let of =
            |text: &str| message(MessageKind::SocketsJoin, format!("{{\"rooms\":[\"{text}\"]}}"), Vec::new());
        let empty = of("").to_json().len();
        of(&"r".repeat(bytes - empty))
    }

    fn header(payload: &str) -> Result<Payload, MessageError> {
        Payload::read(payload.to_owned())
    }

    /// What `@socket.io/postgres-adapter` 0.5.0 inserted for `io.to("a").emit("hi", Buffer.from([1, 2, 3]), 1.5)`.
    const NODES: &[u8] = b"\x84\xa4type\x03\xa4data\x82\xa6packet\x82\xa4type\x02\xa4data\x93\xa2hi\xc4\x03\x01\x02\x03\
        \xcb\x3f\xf8\0\0\0\0\0\0\xa4opts\x83\xa5rooms\x91\xa1a\xa6except\x90\xa5flags\x80\xa3uid\xb041e7c4b94158eb66\
        \xa3nsp\xa1/";

    const TEXT: &str = concat!(
        r#"{"packet":{"type":2,"data":["hi",{"_placeholder":true,"num":0},1.5]},"#,
        r#""opts":{"rooms":["a"],"except":[],"flags":{}}}"#
    );

    #[test]
    fn a_short_message_is_notified_as_node_does() {
        let body = note(&message(MessageKind::Heartbeat, String::new(), Vec::new()), 8000);
        assert_eq!(body, Body::Whole(r#"{"type":2,"uid":"41e7c4b94158eb66","nsp":"/"}"#.to_owned()));
    }

    #[test]
    fn a_message_with_attachments_lies_in_the_table_as_node_puts_it_there() {
        let message = message(MessageKind::Broadcast, TEXT.to_owned(), vec![Bytes::from_static(&[1, 2, 3])]);
        let expected = Body::Attached {
            envelope: NODES.to_vec(),
            head: r#"{"uid":"41e7c4b94158eb66","type":3,"attachmentId":""#.to_owned(),
            tail: "\"}",
        };
        assert_eq!(note(&message, 8000), expected);
        assert_eq!(read_attachment(NODES.to_vec()).unwrap(), message);
    }

    #[test]
    fn any_kind_of_message_with_attachments_lies_in_the_table() {
        let data = r#"{"requestId":"r","sockets":[{"_placeholder":true,"num":0}]}"#.to_owned();
        let message = message(MessageKind::FetchSocketsResponse, data, vec![Bytes::from_static(b"b")]);
        let Body::Attached { envelope, .. } = note(&message, 8000) else {
            panic!("it is not notified itself")
        };
        assert_eq!(read_attachment(envelope).unwrap(), message);
    }

    #[test]
    fn a_message_of_8000_bytes_lies_in_the_table_as_postgres_notifies_one_less() {
        for (bytes, threshold, whole) in [
            (7999, 8000, true),
            (8000, 8000, false),
            (8001, 8000, false),
            (7999, usize::MAX, true),
            (8000, usize::MAX, false),
            (500, 500, true),
            (501, 500, false),
            (100, 0, false),
        ] {
            let message = sized(bytes);
            match note(&message, threshold) {
                Body::Whole(json) => assert!(whole && json.len() == bytes, "{bytes} of {threshold}"),
                Body::Attached { envelope, .. } => {
                    assert!(!whole && envelope[0] != b'{', "{bytes} of {threshold}");
                    assert_eq!(read_attachment(envelope).unwrap(), message);
                }
            }
        }
    }

    #[test]
    fn a_message_that_nobody_would_fetch_is_refused() {
        let limits = |largest| Limits { threshold: 8000, largest };
        let message = sized(9000);
        let note = |largest| Note::new(&message, Channel::new("socket.io", "/"), limits(largest));
        let Body::Attached { envelope, .. } = note(9000).unwrap().body else { panic!("it is too long") };
        assert!(note(envelope.len()).is_ok());
        assert!(matches!(note(envelope.len() - 1), Err(BusError::Refused(_))));
    }

    #[test]
    fn what_looks_like_a_placeholder_stays_what_it_is_without_attachments() {
        let data =
            format!("{{\"packet\":[\"e\",{{\"_placeholder\":true,\"num\":0}},\"{}\"]}}", "x".repeat(8000));
        let message = message(MessageKind::ServerSideEmit, data, Vec::new());
        let Body::Attached { envelope, .. } = note(&message, 8000) else { panic!("it is too long") };
        assert_eq!(read_attachment(envelope).unwrap(), message);
    }

    #[test]
    fn a_header_names_a_row_by_text_or_number() {
        let expected = Header { node: "41e7c4b94158eb66".into(), kind: MessageKind::Broadcast, id: 12 };
        for json in [
            r#"{"uid":"41e7c4b94158eb66","type":3,"attachmentId":"12"}"#,
            r#"{"attachmentId":12,"type":3,"nsp":"/","uid":"41e7c4b94158eb66"}"#,
        ] {
            assert_eq!(header(json).unwrap(), Payload::Attached(expected.clone()), "{json}");
        }
    }

    #[test]
    fn a_word_of_the_programs_is_no_header() {
        let json = r#"{"type":9,"data":{"packet":["e",{"attachmentId":"12"}]},"uid":"a","nsp":"/"}"#;
        let Payload::Whole(message) = header(json).unwrap() else { panic!("it is the message itself") };
        assert_eq!(message.data, r#"{"packet":["e",{"attachmentId":"12"}]}"#);
        let null = r#"{"type":2,"attachmentId":null,"uid":"a"}"#;
        assert!(matches!(header(null).unwrap(), Payload::Whole(message) if &*message.node == "a"));
    }

    #[test]
    fn nodes_emitter_names_no_namespace() {
        let json = concat!(
            r#"{"type":3,"data":{"packet":{"type":2,"data":["foo"],"nsp":"/"},"#,
            r#""opts":{"rooms":[],"flags":{},"except":[]}},"uid":"emitter"}"#
        );
        let Payload::Whole(message) = header(json).unwrap() else { panic!("it is the message itself") };
        assert_eq!((message.namespace, &*message.node), (None, "emitter"));
    }

    #[test]
    fn a_notification_that_is_none_of_ours_is_an_error() {
        for payload in [
            "",
            "hello",
            "[]",
            "{}",
            "{\"type\":3",
            r#"{"type":99,"uid":"a"}"#,
            r#"{"uid":"a","type":3,"attachmentId":"12; DROP TABLE users"}"#,
            r#"{"uid":"a","type":3,"attachmentId":"99999999999999999999"}"#,
            r#"{"uid":"a","type":3,"attachmentId":1.5}"#,
            r#"{"uid":"a","type":3,"attachmentId":{}}"#,
            r#"{"uid":"a","type":77,"attachmentId":"1"}"#,
            r#"{"uid":7,"type":3,"attachmentId":"1"}"#,
            r#"{"uid":"a","attachmentId":"1"}"#,
        ] {
            assert!(header(payload).is_err(), "{payload}");
        }
    }

    proptest! {
        #[test]
        fn every_message_comes_back_from_what_is_sent(
            text in ".{0,40}",
            times in 0usize..400,
            bytes in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
            node in "[a-z\"\\\\]{0,9}",
        ) {
            let placeholder = if bytes.is_some() { r#"{"_placeholder":true,"num":0}"# } else { "null" };
            let text = serde_json::to_string(&text.repeat(times)).unwrap();
            let data = format!("{{\"packet\":[{text},{placeholder}]}}");
            let attachments = bytes.into_iter().map(Bytes::from).collect();
            let kind = MessageKind::ServerSideEmit;
            let message = Message::new(kind, Some("/ö".into()), node.as_str().into(), data.into(), attachments);
            match note(&message, 8000) {
                Body::Whole(json) => {
                    prop_assert!(json.len() < 8000);
                    prop_assert_eq!(header(&json).unwrap(), Payload::Whole(message));
                }
                Body::Attached { envelope, head, tail } => {
                    let expected = Header { node: node.as_str().into(), kind, id: 42 };
                    prop_assert_eq!(header(&format!("{head}42{tail}")).unwrap(), Payload::Attached(expected));
                    prop_assert_eq!(read_attachment(envelope).unwrap(), message);
                }
            }
        }

        #[test]
        fn any_notification_is_read_or_an_error(payload in ".*", id in ".{0,9}") {
            let _ = header(&payload);
            let _ = header(&format!("{{\"uid\":\"a\",\"type\":3,\"attachmentId\":{}}}", serde_json::json!(id)));
        }

        #[test]
        fn any_row_is_a_message_or_an_error(row in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read_attachment(row);
        }
    }
}

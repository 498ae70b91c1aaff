use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use redis::{Arg, Cmd, Value};
use tower_socketio_adapter::{Message, MessageKind, Offset, To};

use crate::streams::commands::{append, entries, entries_read, range, read};
use crate::streams::entry::{Entry, is_ephemeral};
use crate::streams::id;
use crate::streams::inner::Options;

/// What the adapter of Node writes for `emit("foo", <01 02 03>)`.
const BINARY: &str = "gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2Zvb8QDAQIDpG9wdHODpXJvb21zkKZleGNlcHSQpWZsYWdzgA==";

const ROOM: &str =
    r#"{"packet":{"type":2,"data":["foo","bar"]},"opts":{"rooms":["room1"],"except":[],"flags":{}}}"#;

fn message(kind: MessageKind, data: &'static str, attachments: Vec<Bytes>) -> Message {
    Message::new(
        kind,
        Some("/".into()),
        "cabc2f58ff8f19f4".into(),
        Bytes::from_static(data.as_bytes()),
        attachments,
    )
}

fn binary() -> Message {
    let data = r#"{"packet":{"type":2,"data":["foo",{"_placeholder":true,"num":0}]},"opts":{"rooms":[],"except":[],"flags":{}}}"#;
    message(MessageKind::Broadcast, data, vec![Bytes::from_static(&[1, 2, 3])])
}

fn words(command: &Cmd) -> Vec<String> {
    let words = command.args_iter().map(|arg| match arg {
        Arg::Simple(word) => String::from_utf8(word.to_vec()).unwrap(),
        _ => "?".to_owned(),
    });
    words.collect()
}

fn entry(fields: &[(&'static str, &str)]) -> Entry {
    let id = id::parse(b"1526919030474-55").unwrap();
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Entry::new(id, fields.iter().map(|(name, value)| (bytes(name), bytes(value))))
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[test]
fn a_broadcast_is_appended_as_node_does_it() {
    let command = append("socket.io", 10_000, &message(MessageKind::Broadcast, ROOM, Vec::new())).unwrap();
    let expected = [
        "XADD",
        "socket.io",
        "MAXLEN",
        "~",
        "10000",
        "*",
        "uid",
        "cabc2f58ff8f19f4",
        "nsp",
        "/",
        "type",
        "3",
        "data",
        ROOM,
    ];
    assert_eq!(words(&command), expected);
}

#[test]
fn binary_data_is_appended_as_node_does_it() {
    let command = append("socket.io", 10_000, &binary()).unwrap();
    assert_eq!(words(&command).last().unwrap(), BINARY);
}

#[test]
fn a_message_without_data_has_no_such_field() {
    let command = append("s", 7, &message(MessageKind::Heartbeat, "", Vec::new())).unwrap();
    let expected = ["XADD", "s", "MAXLEN", "~", "7", "*", "uid", "cabc2f58ff8f19f4", "nsp", "/", "type", "2"];
    assert_eq!(words(&command), expected);
}

#[test]
fn entries_of_node_are_read() {
    let read = |data| {
        entry(&[("uid", "cabc2f58ff8f19f4"), ("nsp", "/"), ("type", "3"), ("data", data)])
            .message("/".into())
            .unwrap()
    };
    assert_eq!(read(ROOM), message(MessageKind::Broadcast, ROOM, Vec::new()));
    assert_eq!(read(BINARY), binary());
    assert_eq!(read(BINARY.trim_end_matches('=')), binary());
}

#[test]
fn an_emitters_entry_is_read() {
    let data = r#"{"packet":{"type":2,"data":["hi"],"nsp":"/"},"opts":{"rooms":[],"flags":{},"except":[]}}"#;
    let read = entry(&[("uid", "emitter"), ("nsp", "/"), ("type", "3"), ("data", data)]);
    let message = read.message("/".into()).unwrap();
    assert_eq!((&*message.node, &*message.data), ("emitter", data.as_bytes()));
}

#[test]
fn what_is_no_message_is_an_error_or_passed_over() {
    let without_namespace = entry(&[("uid", "u"), ("type", "3")]);
    assert_eq!(without_namespace.namespace(), None);
    for (kind, data) in [
        ("", "{}"),
        ("x", "{}"),
        ("0", "{}"),
        ("14", "{}"),
        ("259", "{}"),
        ("-3", "{}"),
        ("3", "*"),
        ("3", "gqY"),
        ("3", "wQ=="),
        ("3", " {}"),
        ("3", "[]"),
    ] {
        let read = entry(&[("uid", "u"), ("nsp", "/"), ("type", kind), ("data", data)]).message("/".into());
        assert!(read.is_err(), "{kind} {data}: {read:?}");
    }
    let id = Offset::default();
    let wrong =
        Entry { id, uid: "u".into(), nsp: Bytes::from_static(b"\xff"), kind: "3".into(), data: "{}".into() };
    assert_eq!(wrong.namespace(), None);
    let wrong =
        Entry { id, uid: Bytes::from_static(b"\xff"), nsp: "/".into(), kind: "3".into(), data: "{}".into() };
    assert!(wrong.message("/".into()).is_err());
}

#[test]
fn msgpack_that_is_nested_without_end_is_an_error() {
    use base64::Engine;
    let data = crate::streams::entry::BASE64.encode(vec![0x91; 200_000]);
    let read = entry(&[("uid", "u"), ("nsp", "/"), ("type", "3"), ("data", &data)]).message("/".into());
    assert!(read.is_err());
}

#[test]
fn only_what_must_be_heard_later_is_in_the_stream() {
    let asks =
        r#"{"packet":{"type":2,"data":["foo"]},"requestId":"r","opts":{"rooms":[],"except":[],"flags":{}}}"#;
    for (kind, data, ephemeral) in [
        (MessageKind::Broadcast, ROOM, false),
        (MessageKind::Broadcast, asks, true),
        (MessageKind::SocketsJoin, "{}", false),
        (MessageKind::SocketsLeave, "{}", false),
        (MessageKind::DisconnectSockets, "{}", false),
        (MessageKind::FetchSockets, r#"{"requestId":"r"}"#, true),
        (MessageKind::ServerSideEmit, r#"{"packet":["hi"]}"#, true),
        (MessageKind::ServerSideEmit, r#"{"packet":["hi"],"requestId":"r"}"#, true),
        (MessageKind::BroadcastAck, r#"{"requestId":"r"}"#, true),
        (MessageKind::AdapterClose, "", true),
    ] {
        assert_eq!(is_ephemeral(&message(kind, data, Vec::new())), ephemeral, "{kind:?} {data}");
    }
}

#[test]
fn what_goes_by_pub_sub_is_msgpack_even_without_binary_data() {
    let message = message(MessageKind::FetchSockets, r#"{"requestId":"851a"}"#, Vec::new());
    let expected =
        b"\x84\xa4type\x07\xa4data\x81\xa9requestId\xa4851a\xa3uid\xb0cabc2f58ff8f19f4\xa3nsp\xa1/";
    let payload = message.to_msgpack().unwrap();
    assert_eq!(payload, expected);
    assert_eq!(Message::decode(&payload.into()).unwrap(), message);
}

#[test]
fn reads_and_scans_are_bounded() {
    let id = id::parse(b"5-1").unwrap();
    let block = Some(std::time::Duration::from_millis(5000));
    assert_eq!(words(&read("s", id, 100, block)).join(" "), "XREAD BLOCK 5000 COUNT 100 STREAMS s 5-1");
    assert_eq!(words(&read("s", id, 100, None)).join(" "), "XREAD COUNT 100 STREAMS s 5-1");
    // No time at all would be for ever.
    let block = Some(std::time::Duration::ZERO);
    assert_eq!(words(&read("s", id, 100, block)).join(" "), "XREAD BLOCK 1 COUNT 100 STREAMS s 5-1");
    assert_eq!(words(&range("s", id, id.next(), 100)).join(" "), "XRANGE s 5-1 5-2 COUNT 100");
}

#[test]
fn answers_of_redis_are_entries_or_an_error() {
    let fields = Value::Array(["uid", "u", "nsp", "/", "type", "4"].map(bulk).to_vec());
    let list = Value::Array(vec![Value::Array(vec![bulk("1526919030474-55"), fields])]);
    let expected = [entry(&[("uid", "u"), ("nsp", "/"), ("type", "4")])];
    assert_eq!(entries(list.clone()).unwrap(), expected);
    let resp3 = Value::Map(vec![(bulk("socket.io"), list.clone())]);
    assert_eq!(entries_read(resp3).unwrap(), expected);
    let resp2 = Value::Array(vec![Value::Array(vec![bulk("socket.io"), list])]);
    assert_eq!(entries_read(resp2).unwrap(), expected);
    assert_eq!(entries_read(Value::Nil).unwrap(), []);
    for wrong in [Value::Nil, Value::Okay, bulk("1-1"), Value::Array(vec![bulk("1-1")])] {
        assert!(entries(wrong).is_err());
    }
}

proptest! {
    #[test]
    fn a_message_comes_back_from_its_entry(
        number in 1u8..=13,
        namespace in "/.*",
        node in ".*",
        text in ".*",
        attachments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..3),
    ) {
        let kind = MessageKind::from_number(number).unwrap();
        let places: Vec<_> =
            (0..attachments.len()).map(|num| serde_json::json!({ "_placeholder": true, "num": num })).collect();
        let data = serde_json::json!({ "packet": [text, places] }).to_string();
        let namespace: Arc<str> = namespace.into();
        let attachments = attachments.into_iter().map(Bytes::from).collect();
        let message = Message::new(kind, Some(namespace.clone()), node.into(), data.into(), attachments);
        let command = append("s", 1, &message).unwrap();
        let words = words(&command);
        let pairs: Vec<_> = words[6..].chunks(2).map(|pair| {
            (Bytes::from(pair[0].clone()), Bytes::from(pair[1].clone()))
        }).collect();
        let entry = Entry::new(Offset::default(), pairs);
        prop_assert_eq!(entry.namespace(), Some(&*namespace));
        prop_assert_eq!(entry.message(namespace).unwrap(), message);
    }

    #[test]
    fn any_fields_are_a_message_or_an_error(
        fields in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..32), 4..5),
        base64 in any::<bool>(),
    ) {
        use base64::Engine;
        let [uid, nsp, kind, mut data]: [Vec<u8>; 4] = fields.try_into().unwrap();
        if base64 {
            data = crate::streams::entry::BASE64.encode(data).into_bytes();
        }
        let entry = Entry { id: Offset::default(), uid: uid.into(), nsp: nsp.into(), kind: kind.into(), data: data.into() };
        let _ = entry.namespace();
        let _ = entry.message("/".into());
    }
}

#[test]
fn a_message_is_appended_to_the_stream_of_its_namespace() {
    let mut options = Options::default();
    let move_to_x = message(MessageKind::SocketsJoin, r#"{"opts":{},"rooms":["x"]}"#, Vec::new());
    let expected =
        r#"XADD socket.io MAXLEN ~ 10000 * uid cabc2f58ff8f19f4 nsp / type 4 data {"opts":{},"rooms":["x"]}"#;
    assert_eq!(published(&options, &move_to_x), expected);
    options.names.streams = std::num::NonZeroU32::new(2).unwrap();
    assert!(published(&options, &move_to_x).starts_with("XADD socket.io-1 "));
}

#[test]
fn an_emitters_event_for_programs_is_appended_as_nobody_answers_it() {
    let options = Options::default();
    let mut event = message(MessageKind::ServerSideEmit, r#"{"packet":["tick"]}"#, Vec::new());
    assert!(published(&options, &event).starts_with("PUBLISH socket.io#/# "));
    event.node = Message::EMITTER.into();
    let expected = r#"XADD socket.io MAXLEN ~ 10000 * uid emitter nsp / type 9 data {"packet":["tick"]}"#;
    assert_eq!(published(&options, &event), expected);
}

fn published(options: &Options, message: &Message) -> String {
    let job = options.job(message, To::All).unwrap();
    let words: Vec<_> = job.parts().into_iter().map(String::from_utf8_lossy).collect();
    words.join(" ")
}

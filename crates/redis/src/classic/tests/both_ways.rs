use proptest::prelude::*;
use serde_json::{Value, json};
use tower_socketio_adapter::To;

use super::*;
use crate::classic::asks::Asks;
use crate::classic::incoming::{Asked, broadcast, request, response};

/// What one of our nodes writes, as another one reads it.
fn across(message: &Message, to: To<'_>) -> Message {
    let publication = style().write(message, to).unwrap().unwrap();
    let there = Seat::new("/", "there");
    if publication.channel.starts_with("socket.io#") {
        return broadcast(&publication.payload, &there).unwrap();
    }
    if publication.channel.starts_with("socket.io-request#") {
        match request(&publication.payload, &there) {
            Ok(Asked::Message(message)) => return message,
            other => panic!("{other:?}"),
        }
    }
    let asks = Asks::default();
    asks.begin("r", None);
    response(&publication.payload, &there, &asks).unwrap()
}

fn same(message: &Message, to: To<'_>) {
    let read = across(message, to);
    let data = |message: &Message| serde_json::from_slice::<Value>(&message.data).unwrap();
    assert_eq!((read.kind, data(&read)), (message.kind, data(message)));
    assert_eq!((&read.namespace, &read.attachments), (&message.namespace, &message.attachments));
    if !message.kind.is_answer() {
        assert_eq!(read.node, message.node);
    }
}

#[test]
fn every_kind_of_message_comes_across() {
    let opts = json!({ "rooms": ["a", "$user:42", "gNlN0lBPPeI94-2hAAAA", "/a#not20"], "except": ["b*[c]"] });
    let mut flags = opts.clone();
    flags["flags"] = json!({ "volatile": true, "compress": false, "timeout": 5 });
    let packet = json!({ "type": 2, "data": ["e", { "_placeholder": true, "num": 0 }, 9_007_199_254_740_993_u64, -1.5] });
    for (kind, data, attached) in [
        (MessageKind::Broadcast, json!({ "packet": packet, "opts": flags }), true),
        (MessageKind::Broadcast, json!({ "packet": packet, "opts": flags, "requestId": "r" }), true),
        (MessageKind::SocketsJoin, json!({ "opts": opts, "rooms": ["x"] }), false),
        (MessageKind::SocketsLeave, json!({ "opts": opts, "rooms": ["x", "y"] }), false),
        (MessageKind::DisconnectSockets, json!({ "opts": opts, "close": true }), false),
        (MessageKind::FetchSockets, json!({ "opts": opts, "requestId": "r" }), false),
        (MessageKind::ServerSideEmit, json!({ "packet": packet["data"] }), true),
        (MessageKind::ServerSideEmit, json!({ "packet": packet["data"], "requestId": "r" }), true),
    ] {
        let attachments: &[&'static [u8]] = if attached { &[&[1, 2, 3]] } else { &[] };
        same(&message(kind, NODE, &data.to_string(), attachments), To::All);
    }
    let sockets = json!([{ "id": "s", "handshake": { "url": "/" }, "rooms": ["s", "a"], "data": null }]);
    for (kind, data, attached) in [
        (MessageKind::FetchSocketsResponse, json!({ "requestId": "r", "sockets": sockets }), false),
        (MessageKind::ServerSideEmitResponse, json!({ "requestId": "r", "packet": packet["data"][1] }), true),
        (MessageKind::BroadcastClientCount, json!({ "requestId": "r", "clientCount": 3 }), false),
        (MessageKind::ClientLost, json!({ "requestId": "r" }), false),
        (MessageKind::BroadcastAck, json!({ "requestId": "r", "packet": packet["data"][1] }), true),
    ] {
        let attachments: &[&'static [u8]] = if attached { &[&[1, 2, 3]] } else { &[] };
        same(&message(kind, NODE, &data.to_string(), attachments), To::Node("asker"));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z\"\\\\]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_event_comes_across(
        name in ".{0,8}",
        args in proptest::collection::vec(value(), 0..4),
        rooms in proptest::collection::vec(".{0,21}", 0..3),
        except in proptest::collection::vec(".{0,21}", 0..3),
        asks in any::<bool>(),
    ) {
        let mut event = vec![Value::from(name)];
        event.extend(args);
        let mut data = json!({
            "packet": { "type": 2, "data": event },
            "opts": { "rooms": rooms, "except": except, "flags": {} },
        });
        if asks {
            data["requestId"] = "r".into();
        }
        let message = message(MessageKind::Broadcast, NODE, &data.to_string(), &[]);
        let read = across(&message, To::All);
        // Whole numbers that came as such stay so, whatever their type.
        let read: Value = serde_json::from_slice(&read.data).unwrap();
        prop_assert!(alike(&read, &data), "{read} {data}");
    }
}

/// Whether two values are the same to JavaScript.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| alike(one, other)))
        }
        _ => one == other,
    }
}

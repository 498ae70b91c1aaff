use serde_json::{Value, json};

use super::*;
use crate::classic::asks::Asks;
use crate::classic::incoming::{Asked, Skipped, broadcast, request, response};

fn data(message: &Message) -> Value {
    serde_json::from_slice(&message.data).unwrap()
}

fn asked(payload: &[u8]) -> Message {
    match request(payload, &seat()) {
        Ok(Asked::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broadcast_of_node_is_read() {
    let message = broadcast(&unhex(BROADCAST), &seat()).unwrap();
    assert_eq!(
        (message.kind, &*message.node, message.namespace.as_deref()),
        (MessageKind::Broadcast, "abc123", Some("/"))
    );
    assert_eq!(
        message.data,
        r#"{"packet":{"type":2,"data":["foo","bar"]},"opts":{"rooms":["room1"],"except":[],"flags":{}}}"#
    );
}

#[test]
fn everything_that_node_can_put_into_an_event_is_read() {
    // A Buffer, {a: undefined, b: null}, [undefined], 2^53 + 2, -1, 0.5 and a Date, by npm's emitter.
    let payload = unhex(
        "93a7656d697474657283a47479706502a46461746199a3666f6f01c402010281a162c091c0cf0020000000000002ff
         cb3fe0000000000000d6ff59682f00a36e7370a12f83a5726f6f6d7391a5726f6f6d31a5666c61677382
         a8766f6c6174696c65c3a8636f6d7072657373c2a665786365707492a178a179",
    );
    let message = broadcast(&payload, &seat()).unwrap();
    assert_eq!(message.attachments, [&[1u8, 2][..]]);
    let text = std::str::from_utf8(&message.data).unwrap();
    let args = r#"["foo",1,{"_placeholder":true,"num":0},{"b":null},[null],9007199254740994,-1,0.5,"2017-07-14T02:40:00.000Z"]"#;
    assert!(text.contains(args), "{text}");
    let opts =
        json!({ "rooms": ["room1"], "except": ["x", "y"], "flags": { "volatile": true, "compress": false } });
    assert_eq!(data(&message)["opts"], opts);
}

#[test]
fn rooms_that_are_numbers_are_their_texts() {
    let payload = unhex(
        "93a6434a4854746e83a47479706502a46461746191a16ea36e7370a12f83a5726f6f6d739205cb3ff8000000000000
         a665786365707491a17aa5666c61677380",
    );
    let message = broadcast(&payload, &seat()).unwrap();
    assert_eq!(data(&message)["opts"]["rooms"], json!(["5", "1.5"]));
}

#[test]
fn what_older_emitters_leave_out_is_nothing() {
    let old = br#"["emitter",{"type":2,"data":["a"]},{"rooms":["r"]}]"#;
    let message = broadcast(old, &seat()).unwrap();
    assert_eq!(data(&message)["opts"], json!({ "rooms": ["r"], "except": [] }));
}

#[test]
fn our_own_broadcasts_and_those_of_other_namespaces_are_passed_over() {
    assert_eq!(broadcast(&unhex(BROADCAST), &Seat::new("/", "abc123")), Err(Skipped::Foreign));
    assert_eq!(broadcast(&unhex(BROADCAST), &Seat::new("/admin", NODE)), Err(Skipped::Foreign));
    let without = br#"["n",{"type":2,"data":["a"]},{"rooms":[],"except":[],"flags":{}}]"#;
    assert!(broadcast(without, &seat()).is_ok());
    assert_eq!(broadcast(without, &Seat::new("/admin", NODE)), Err(Skipped::Foreign));
}

#[test]
fn requests_of_node_are_read() {
    let opts = json!({ "rooms": ["room1"], "except": [] });
    for (payload, kind, node, expected) in [
        (
            r#"{"uid":"KiRiSG","type":2,"opts":{"rooms":["room1"],"except":[]},"rooms":["x",5]}"#,
            MessageKind::SocketsJoin,
            "KiRiSG",
            json!({ "opts": opts, "rooms": ["x", "5"] }),
        ),
        (
            r#"{"type":3,"opts":{"rooms":["room1"],"except":[]},"rooms":["x"]}"#,
            MessageKind::SocketsLeave,
            "",
            json!({ "opts": opts, "rooms": ["x"] }),
        ),
        (
            r#"{"uid":"KiRiSG","type":4,"opts":{"rooms":["room1"],"except":[]},"close":true}"#,
            MessageKind::DisconnectSockets,
            "KiRiSG",
            json!({ "opts": opts, "close": true }),
        ),
        (
            r#"{"uid":"KiRiSG","requestId":"nUwTqn","type":5,"opts":{"rooms":["room1"],"except":[]}}"#,
            MessageKind::FetchSockets,
            "KiRiSG",
            json!({ "opts": opts, "requestId": "nUwTqn" }),
        ),
        (
            r#"{"uid":"emitter","type":6,"data":["hello",1]}"#,
            MessageKind::ServerSideEmit,
            "emitter",
            json!({ "packet": ["hello", 1] }),
        ),
        (
            r#"{"uid":"KiRiSG","requestId":"r","type":6,"data":["hello"]}"#,
            MessageKind::ServerSideEmit,
            "KiRiSG",
            json!({ "packet": ["hello"], "requestId": "r" }),
        ),
    ] {
        let message = asked(payload.as_bytes());
        assert_eq!((message.kind, &*message.node, data(&message)), (kind, node, expected));
    }
    let question = asked(&unhex(QUESTION));
    assert_eq!((question.kind, &*question.node), (MessageKind::Broadcast, "CJHTtn"));
    assert_eq!(
        data(&question),
        json!({
            "packet": { "type": 2, "data": ["ping", 1] },
            "requestId": "XALP5L",
            "opts": { "rooms": [], "except": [], "flags": { "timeout": 100 } },
        })
    );
}

#[test]
fn requests_in_the_old_forms_are_read() {
    let message = asked(br#"{"uid":"u","requestId":"r","type":0,"rooms":["a",1]}"#);
    assert_eq!((message.kind, &*message.node), (MessageKind::FetchSockets, "?ids:u"));
    assert_eq!(data(&message)["opts"]["rooms"], json!(["a", "1"]));

    let rooms = request(br#"{"uid":"KiRiSG","requestId":"pnwRFx","type":1}"#, &seat());
    assert_eq!(rooms, Ok(Asked::Rooms { request: "pnwRFx".to_owned(), node: "KiRiSG".to_owned() }));

    for (payload, kind, expected) in [
        (
            r#"{"type":2,"sid":"s","room":"a","requestId":"r"}"#,
            MessageKind::SocketsJoin,
            json!({ "opts": { "rooms": ["s"], "except": [] }, "rooms": ["a"] }),
        ),
        (
            r#"{"type":3,"sid":"s","room":7,"requestId":"r"}"#,
            MessageKind::SocketsLeave,
            json!({ "opts": { "rooms": ["s"], "except": [] }, "rooms": ["7"] }),
        ),
        (
            r#"{"type":4,"sid":"s","close":true,"requestId":"r"}"#,
            MessageKind::DisconnectSockets,
            json!({ "opts": { "rooms": ["s"], "except": [] }, "close": true }),
        ),
    ] {
        let Ok(Asked::Socket { message, socket, request, node }) = request(payload.as_bytes(), &seat())
        else {
            panic!("{payload}")
        };
        assert_eq!((message.kind, data(&message)), (kind, expected));
        assert_eq!((&*socket, request.as_deref(), &*node), ("s", Some("r"), "?"));
    }
    // Who asks without a name gets an answer all the same.
    let fetch = asked(br#"{"requestId":"r","type":5,"opts":{"rooms":[],"except":[]}}"#);
    assert_eq!(&*fetch.node, "?");
}

#[test]
fn ids_alone_are_answered_to_who_asks_in_the_old_way() {
    let sockets = r#"{"requestId":"r","sockets":[{"id":"a","rooms":[]},{"id":"b\"","rooms":[]}]}"#;
    let answer = message(MessageKind::FetchSocketsResponse, "us", sockets, &[]);
    let publication = style().write(&answer, tower_socketio_adapter::To::Node("?ids:u")).unwrap().unwrap();
    assert_eq!(String::from_utf8(publication.payload).unwrap(), r#"{"requestId":"r","sockets":["a","b\""]}"#);
}

#[test]
fn answers_to_what_was_asked_here_have_nodes_made_up_for_them() {
    let asks = Asks::default();
    asks.begin("r", None);
    let read = |payload: &str| response(payload.as_bytes(), &seat(), &asks);
    let sockets = read(r#"{"requestId":"r","sockets":[{"id":"s"}]}"#).unwrap();
    assert_eq!(sockets.kind, MessageKind::FetchSocketsResponse);
    assert_eq!(data(&sockets), json!({ "requestId": "r", "sockets": [{ "id": "s" }] }));
    let program = read(r#"{"type":6,"requestId":"r","data":null}"#).unwrap();
    assert_eq!(program.kind, MessageKind::ServerSideEmitResponse);
    assert_eq!(program.data, r#"{"packet":null,"requestId":"r"}"#);
    assert_eq!(read(r#"{"type":6,"requestId":"r"}"#).unwrap().data, r#"{"requestId":"r"}"#);
    assert_ne!(sockets.node, program.node);

    let count = read(r#"{"type":8,"requestId":"r","clientCount":1}"#).unwrap();
    assert_eq!(data(&count), json!({ "requestId": "r", "clientCount": 1 }));
    let ack = unhex("83a47479706509a9726571756573744964a172a67061636b6574a3796573");
    let ack = response(&ack, &seat(), &asks).unwrap();
    assert_eq!((ack.kind, &ack.node), (MessageKind::BroadcastAck, &count.node));
    assert_eq!(ack.data, r#"{"packet":"yes","requestId":"r"}"#);
}

#[test]
fn answers_to_what_others_asked_are_passed_over() {
    let asks = Asks::default();
    for payload in [
        r#"{"requestId":"x","sockets":[]}"#,
        r#"{"type":6,"requestId":"x","data":1}"#,
        r#"{"type":8,"requestId":"x","clientCount":1}"#,
        r#"{"type":9,"requestId":"x","packet":1}"#,
        r#"{"requestId":"x","rooms":[]}"#,
        r#"{"requestId":"x"}"#,
    ] {
        assert_eq!(response(payload.as_bytes(), &seat(), &asks), Err(Skipped::Foreign));
    }
}

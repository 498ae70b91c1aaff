use tower_socketio_adapter::{MessageKind, To};

use super::*;

/// What is published, in text or hexadecimal digits, and where.
fn written(message: &Message, to: To<'_>) -> (String, Vec<u8>) {
    let publication = style().write(message, to).unwrap().unwrap();
    (publication.channel, publication.payload)
}

#[test]
fn a_broadcast_is_written_byte_for_byte_as_node_writes_it() {
    let data =
        r#"{"packet":{"type":2,"data":["foo","bar"]},"opts":{"rooms":["room1"],"except":[],"flags":{}}}"#;
    let broadcast = message(MessageKind::Broadcast, "abc123", data, &[]);
    let (channel, payload) = written(&broadcast, To::Room("room1"));
    assert_eq!((&*channel, payload), ("socket.io#/#room1#", unhex(BROADCAST)));
    assert_eq!(written(&broadcast, To::All).0, "socket.io#/#");
}

#[test]
fn a_broadcast_with_attachments_has_them_in_their_places() {
    let data = concat!(
        r#"{"packet":{"type":2,"data":["foo",{"_placeholder":true,"num":0}]},"#,
        r#""opts":{"rooms":[],"except":[],"flags":{}}}"#
    );
    let (_, payload) = written(&message(MessageKind::Broadcast, "CJHTtn", data, &[&[1]]), To::All);
    let expected = "93a6434a4854746e83a47479706502a46461746192a3666f6fc40101a36e7370a12f
        83a5726f6f6d7390a665786365707490a5666c61677380";
    assert_eq!(payload, unhex(expected));
}

#[test]
fn a_question_to_clients_is_written_byte_for_byte_as_node_writes_it() {
    let data = concat!(
        r#"{"packet":{"type":2,"data":["ping",1]},"requestId":"XALP5L","#,
        r#""opts":{"rooms":[],"except":[],"flags":{"timeout":100}}}"#
    );
    let question =
        style().write(&message(MessageKind::Broadcast, "CJHTtn", data, &[]), To::All).unwrap().unwrap();
    assert_eq!((&*question.channel, question.payload), ("socket.io-request#/#", unhex(QUESTION)));
    assert_eq!(question.asks, Some(("XALP5L".to_owned(), Some(std::time::Duration::from_millis(100)))));
}

#[test]
fn an_emitter_is_written_byte_for_byte_as_nodes_is() {
    let data =
        r#"{"packet":{"type":2,"data":["foo","bar"],"nsp":"/"},"opts":{"rooms":[],"flags":{},"except":[]}}"#;
    let (_, payload) = written(&message(MessageKind::Broadcast, "emitter", data, &[]), To::All);
    let expected = "93a7656d697474657283a47479706502a46461746192a3666f6fa3626172a36e7370a12f
        83a5726f6f6d7390a5666c61677380a665786365707490";
    assert_eq!(payload, unhex(expected));
}

#[test]
fn requests_are_written_as_node_writes_them() {
    let opts = r#""opts":{"rooms":["room1"],"except":[],"flags":{}}"#;
    let bare = r#""opts":{"rooms":["room1"],"except":[]}"#;
    for (kind, node, data, expected) in [
        (
            MessageKind::SocketsJoin,
            "KiRiSG",
            format!(r#"{{{opts},"rooms":["x","y"]}}"#),
            format!(r#"{{"uid":"KiRiSG","type":2,{bare},"rooms":["x","y"]}}"#),
        ),
        (
            MessageKind::SocketsLeave,
            "emitter",
            format!(r#"{{{opts},"rooms":["a"]}}"#),
            format!(r#"{{"type":3,{bare},"rooms":["a"]}}"#),
        ),
        (
            MessageKind::DisconnectSockets,
            "KiRiSG",
            format!(r#"{{{opts},"close":true}}"#),
            format!(r#"{{"uid":"KiRiSG","type":4,{bare},"close":true}}"#),
        ),
        (
            MessageKind::FetchSockets,
            "KiRiSG",
            format!(r#"{{{opts},"requestId":"nUwTqn"}}"#),
            format!(r#"{{"uid":"KiRiSG","requestId":"nUwTqn","type":5,{bare}}}"#),
        ),
        (
            MessageKind::ServerSideEmit,
            "emitter",
            r#"{"packet":["hello",1]}"#.to_owned(),
            r#"{"uid":"emitter","type":6,"data":["hello",1]}"#.to_owned(),
        ),
        (
            MessageKind::ServerSideEmit,
            "CJHTtn",
            r#"{"requestId":"aMZY0e","packet":["q"]}"#.to_owned(),
            r#"{"uid":"CJHTtn","requestId":"aMZY0e","type":6,"data":["q"]}"#.to_owned(),
        ),
    ] {
        let (channel, payload) = written(&message(kind, node, &data, &[]), To::All);
        assert_eq!((&*channel, String::from_utf8(payload).unwrap()), ("socket.io-request#/#", expected));
    }
}

#[test]
fn answers_are_written_as_node_writes_them_and_where_it_hears_them() {
    let sockets = r#"[{"id":"s","handshake":{},"rooms":["s"],"data":{}}]"#;
    for (kind, data, expected) in [
        (
            MessageKind::FetchSocketsResponse,
            format!(r#"{{"requestId":"r","sockets":{sockets}}}"#),
            format!(r#"{{"requestId":"r","sockets":{sockets}}}"#),
        ),
        (
            MessageKind::ServerSideEmitResponse,
            r#"{"requestId":"r","packet":null}"#.to_owned(),
            r#"{"type":6,"requestId":"r","data":null}"#.to_owned(),
        ),
        (
            MessageKind::ServerSideEmitResponse,
            r#"{"requestId":"r"}"#.to_owned(),
            r#"{"type":6,"requestId":"r"}"#.to_owned(),
        ),
        (
            MessageKind::ServerSideEmitResponse,
            r#"{"requestId":"r","packet":[1]}"#.to_owned(),
            r#"{"type":6,"requestId":"r","data":[1]}"#.to_owned(),
        ),
        (
            MessageKind::BroadcastClientCount,
            r#"{"requestId":"r","clientCount":2}"#.to_owned(),
            r#"{"type":8,"requestId":"r","clientCount":2}"#.to_owned(),
        ),
    ] {
        let (channel, payload) = written(&message(kind, "us", &data, &[]), To::Node("KiRiSG"));
        assert_eq!((&*channel, String::from_utf8(payload).unwrap()), ("socket.io-response#/#", expected));
    }
    let ack = message(MessageKind::BroadcastAck, "us", r#"{"requestId":"r","packet":"yes"}"#, &[]);
    let expected = unhex("83a47479706509a9726571756573744964a172a67061636b6574a3796573");
    assert_eq!(written(&ack, To::Node("KiRiSG")), ("socket.io-response#/#".to_owned(), expected));
}

#[test]
fn answers_go_to_the_one_who_asks_where_that_is_set() {
    let style = Style { specific_responses: true, ..style() };
    let channel = |kind, data: &str, to| {
        style.write(&message(kind, "us", data, &[]), To::Node(to)).unwrap().unwrap().channel
    };
    let count = r#"{"requestId":"r","clientCount":2}"#;
    assert_eq!(channel(MessageKind::BroadcastClientCount, count, "KiRiSG"), "socket.io-response#/#KiRiSG#");
    assert_eq!(channel(MessageKind::BroadcastClientCount, count, "?"), "socket.io-response#/#");
    // Node does not do it for these.
    let answer = r#"{"requestId":"r"}"#;
    assert_eq!(channel(MessageKind::ServerSideEmitResponse, answer, "KiRiSG"), "socket.io-response#/#");
}

#[test]
fn an_event_for_programs_with_attachments_is_msgpack() {
    let data = r#"{"packet":["q",{"_placeholder":true,"num":0}]}"#;
    let (_, payload) = written(&message(MessageKind::ServerSideEmit, "us", data, &[&[1, 2]]), To::All);
    assert_eq!(payload, unhex("83a3756964a27573a47479706506a46461746192a171c4020102"));
}

#[test]
fn what_the_format_does_not_have_is_not_published() {
    for kind in [MessageKind::AdapterClose, MessageKind::Heartbeat, MessageKind::InitialHeartbeat] {
        assert_eq!(style().write(&message(kind, "us", "", &[]), To::All).unwrap(), None);
    }
}

#[test]
fn data_that_is_not_what_it_should_be_is_refused() {
    for number in [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 100] {
        let kind = MessageKind::from_number(number).unwrap();
        for data in ["", "{}", "[]", "nonsense", r#"{"packet":1,"opts":2}"#] {
            assert!(style().write(&message(kind, "us", data, &[]), To::All).is_err(), "{kind:?} {data}");
        }
    }
    let missing = concat!(
        r#"{"packet":{"type":2,"data":["foo",{"_placeholder":true,"num":1}]},"#,
        r#""opts":{"rooms":[],"except":[],"flags":{}}}"#
    );
    assert!(style().write(&message(MessageKind::Broadcast, "us", missing, &[&[1]]), To::All).is_err());
}

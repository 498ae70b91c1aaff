//! What JavaScript clients and servers put on the wire, both ways.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

use std::sync::Arc;

use bytes::Bytes;
use tower_socketio_proto::socketio::{
    Arguments, CustomDecoder, CustomParser, Data, DecodeError, Decoder, EncodeError, Encoded, Kind, Limits,
    Message, OutPacket, OwnedPacket, Packet, Parser, write_header,
};

fn packet<'a>(kind: Kind, namespace: &'a str, id: Option<u64>, data: Data<'a>) -> Packet<'a> {
    Packet { kind, namespace, query: None, id, data, attachments: Vec::new() }
}

fn decoder() -> Decoder {
    Decoder::new(&Parser::Json)
}

#[track_caller]
fn assert_decodes(message: &str, expected: &Packet<'_>) {
    let mut decoder = decoder();
    assert_eq!(decoder.text(message, &Limits::default()).unwrap().as_ref(), Some(expected), "{message}");
    assert!(decoder.is_idle());
}

fn encode(kind: Kind, namespace: &str, id: Option<u64>, json: Option<&str>) -> String {
    let packet = OutPacket { kind, namespace, id, json, attachments: &[] };
    let messages = Parser::Json.encode(&packet).unwrap();
    let [Message::Text(text)] = &messages[..] else { panic!("{messages:?}") };
    text.clone()
}

#[test]
fn text_packets_decode() {
    let none = Data::None;
    let json = Data::Json;
    for (message, expected) in [
        ("0", packet(Kind::Connect, "/", None, none)),
        (r#"0{"token":"1"}"#, packet(Kind::Connect, "/", None, json(r#"{"token":"1"}"#))),
        ("0/admin,", packet(Kind::Connect, "/admin", None, none)),
        ("0/admin", packet(Kind::Connect, "/admin", None, none)),
        (r#"0/admin,{"token":"1"}"#, packet(Kind::Connect, "/admin", None, json(r#"{"token":"1"}"#))),
        ("1", packet(Kind::Disconnect, "/", None, none)),
        ("1/admin,", packet(Kind::Disconnect, "/admin", None, none)),
        (r#"2["foo",1]"#, packet(Kind::Event, "/", None, json(r#"["foo",1]"#))),
        (r#"2/admin,["foo"]"#, packet(Kind::Event, "/admin", None, json(r#"["foo"]"#))),
        (r#"212["foo"]"#, packet(Kind::Event, "/", Some(12), json(r#"["foo"]"#))),
        (r#"2/admin,13["foo"]"#, packet(Kind::Event, "/admin", Some(13), json(r#"["foo"]"#))),
        ("312[]", packet(Kind::Ack, "/", Some(12), json("[]"))),
        (r#"3/admin,13["bar"]"#, packet(Kind::Ack, "/admin", Some(13), json(r#"["bar"]"#))),
        ("312", packet(Kind::Ack, "/", Some(12), none)),
        ("2", packet(Kind::Event, "/", None, none)),
        (r#"2/é€,["x"]"#, packet(Kind::Event, "/é€", None, json(r#"["x"]"#))),
        ("2 \r\n[\"x\"] \t", packet(Kind::Event, "/", None, json(r#"["x"]"#))),
        (r#"2/a,18446744073709551615["x"]"#, packet(Kind::Event, "/a", Some(u64::MAX), json(r#"["x"]"#))),
    ] {
        assert_decodes(message, &expected);
    }
}

#[test]
fn the_query_is_no_part_of_the_namespace() {
    let connect = Packet { query: Some("token=1&x=?"), ..packet(Kind::Connect, "/admin", None, Data::None) };
    assert_decodes("0/admin?token=1&x=?,", &connect);
    assert_decodes("0/admin?token=1&x=?", &connect);
    let event =
        Packet { query: Some("x=1"), ..packet(Kind::Event, "/admin", Some(4), Data::Json(r#"["e"]"#)) };
    assert_decodes(r#"2/admin?x=1,4["e"]"#, &event);
    let root = Packet { query: Some(""), ..packet(Kind::Disconnect, "/", None, Data::None) };
    assert_decodes("1/?,", &root);
}

#[test]
fn binary_packets_wait_for_their_attachments() {
    let limits = Limits::default();
    let mut decoder = decoder();
    let header = r#"52-/a?q,7["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    assert_eq!(decoder.text(header, &limits).unwrap(), None);
    assert!(!decoder.is_idle());
    assert_eq!(decoder.binary(&[1, 2], &limits).unwrap(), None);
    let packet = decoder.binary(&[], &limits).unwrap().unwrap();
    assert_eq!(
        (packet.kind, packet.namespace, packet.query, packet.id),
        (Kind::Event, "/a", Some("q"), Some(7))
    );
    assert_eq!(packet.attachments, [Bytes::from_static(&[1, 2]), Bytes::new()]);
    let arguments = Arguments::event(&packet).unwrap();
    assert_eq!(arguments.name(), "baz");
    assert_eq!(
        arguments.deserialize::<(Bytes, Bytes)>().unwrap(),
        (Bytes::from_static(&[1, 2]), Bytes::new())
    );
    assert!(decoder.is_idle());

    decoder.release();
    assert_eq!(decoder.text(r#"61-15[{"_placeholder":true,"num":0}]"#, &limits).unwrap(), None);
    decoder.release();
    let packet = decoder.binary(&[3], &limits).unwrap().unwrap();
    assert_eq!((packet.kind, packet.id), (Kind::Ack, Some(15)));
    assert_eq!(Arguments::ack(&packet).unwrap().deserialize::<Bytes>().unwrap(), &[3][..]);

    // The next message frees what the last packet borrowed.
    assert!(decoder.text("2[\"x\"]", &limits).unwrap().is_some());
}

#[test]
fn placeholders_may_have_their_entries_in_any_order() {
    let limits = Limits::default();
    let mut decoder = decoder();
    decoder.text(r#"51-/"{,["e",{"x":{"num":0,"_placeholder":true}}]"#, &limits).unwrap();
    let packet = decoder.binary(&[9], &limits).unwrap().unwrap();
    assert_eq!(packet.namespace, "/\"{");
    let arguments = Arguments::event(&packet).unwrap();
    let value = arguments.deserialize::<serde_json::Value>().unwrap();
    assert_eq!(value, serde_json::json!({ "x": [9] }));
}

#[test]
fn packets_encode() {
    assert_eq!(encode(Kind::Connect, "/", None, Some(r#"{"sid":"x"}"#)), r#"0{"sid":"x"}"#);
    assert_eq!(encode(Kind::Connect, "/admin", None, Some(r#"{"sid":"x"}"#)), r#"0/admin,{"sid":"x"}"#);
    assert_eq!(encode(Kind::Connect, "/", None, None), "0");
    assert_eq!(encode(Kind::Disconnect, "/", None, None), "1");
    assert_eq!(encode(Kind::Disconnect, "/admin", None, None), "1/admin,");
    assert_eq!(encode(Kind::Event, "/", None, Some(r#"["foo",1]"#)), r#"2["foo",1]"#);
    assert_eq!(encode(Kind::Event, "/admin", Some(13), Some(r#"["foo"]"#)), r#"2/admin,13["foo"]"#);
    assert_eq!(encode(Kind::Ack, "/", Some(0), Some("[]")), "30[]");
    assert_eq!(encode(Kind::ConnectError, "/a", None, Some(r#"{"message":"m"}"#)), r#"4/a,{"message":"m"}"#);
    assert_eq!(encode(Kind::ConnectError, "/a", None, Some(r#""no""#)), r#"4/a,"no""#);
}

#[test]
fn packets_with_attachments_encode_as_binary_types() {
    let Encoded { json, attachments } =
        Encoded::event("baz", &(Bytes::from_static(&[1, 2]), 3, Bytes::from_static(&[4]))).unwrap();
    let json = String::from_utf8(json).unwrap();
    let packet = OutPacket {
        kind: Kind::Event,
        namespace: "/admin",
        id: Some(456),
        json: Some(&json),
        attachments: &attachments,
    };
    assert_eq!(
        Parser::Json.encode(&packet).unwrap(),
        [
            Message::Text(
                r#"52-/admin,456["baz",{"_placeholder":true,"num":0},3,{"_placeholder":true,"num":1}]"#
                    .into()
            ),
            Message::Binary(Bytes::from_static(&[1, 2])),
            Message::Binary(Bytes::from_static(&[4])),
        ]
    );
    let mut header = Vec::new();
    write_header(&mut header, Kind::Ack, "/", Some(u64::MAX), 10);
    assert_eq!(header, b"610-18446744073709551615");
}

#[test]
fn only_clients_take_refusals() {
    let limits = Limits::default();
    let message = r#"4/admin,{"message":"Not authorized"}"#;
    assert!(matches!(decoder().text(message, &limits), Err(DecodeError::UnknownType)));
    let mut client = Decoder::for_client(&Parser::Json);
    let expected = Data::Json(r#"{"message":"Not authorized"}"#);
    let packet = client.text(message, &limits).unwrap().unwrap();
    assert_eq!((packet.kind, packet.namespace, packet.data), (Kind::ConnectError, "/admin", expected));
    let packet = client.text(r#"4/admin,"nope""#, &limits).unwrap().unwrap();
    assert_eq!(packet.data, Data::Json(r#""nope""#));
}

/// A parser with one line per packet and attachments before it.
#[derive(Debug)]
struct Lines;

#[derive(Default)]
struct LinesDecoder(Vec<Bytes>);

impl CustomParser for Lines {
    fn encode(&self, packet: &OutPacket<'_>) -> Result<Vec<Message>, EncodeError> {
        let Some(json) = packet.json else {
            return Err(EncodeError::Custom("nothing to say".into()));
        };
        let line = format!("{} {json}", packet.namespace);
        Ok(packet.attachments.iter().cloned().map(Message::Binary).chain([Message::Text(line)]).collect())
    }

    fn decoder(&self) -> Box<dyn CustomDecoder> {
        Box::<LinesDecoder>::default()
    }
}

impl CustomDecoder for LinesDecoder {
    fn text(&mut self, message: &str, _: &Limits) -> Result<Option<OwnedPacket>, DecodeError> {
        let (namespace, json) = message.split_once(' ').ok_or(DecodeError::Custom("no space".into()))?;
        Ok(Some(OwnedPacket {
            kind: Kind::Event,
            namespace: namespace.into(),
            id: None,
            json: Some(json.into()),
            attachments: std::mem::take(&mut self.0),
        }))
    }

    fn binary(&mut self, message: &[u8], limits: &Limits) -> Result<Option<OwnedPacket>, DecodeError> {
        if self.0.len() == limits.max_attachments {
            return Err(DecodeError::TooManyAttachments);
        }
        self.0.push(Bytes::copy_from_slice(message));
        Ok(None)
    }

    fn is_idle(&self) -> bool {
        self.0.is_empty()
    }
}

#[test]
fn a_custom_parser_round_trips() {
    let parser = Parser::Custom(Arc::new(Lines));
    assert!(!parser.is_json());
    let limits = Limits::default();
    let encoded = Encoded::event("e", &(1, Bytes::from_static(&[2]))).unwrap();
    let json = str::from_utf8(&encoded.json).unwrap();
    let attachments = &encoded.attachments[..];
    let packet = OutPacket { kind: Kind::Event, namespace: "/a?b", id: None, json: Some(json), attachments };
    let mut decoder = Decoder::new(&parser);
    let messages = parser.encode(&packet).unwrap();
    let [Message::Binary(binary), Message::Text(text)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(decoder.binary(binary, &limits).unwrap(), None);
    assert!(!decoder.is_idle());
    let packet = decoder.text(text, &limits).unwrap().unwrap();
    assert_eq!((packet.namespace, packet.query), ("/a", Some("b")));
    let arguments = Arguments::event(&packet).unwrap();
    assert_eq!(arguments.deserialize::<(u8, Bytes)>().unwrap(), (1, Bytes::from_static(&[2])));
    assert!(decoder.is_idle());
    decoder.release();

    let refused = decoder.text("x", &limits).unwrap_err();
    assert_eq!(refused.to_string(), "no space");
    // The shape of the payload is checked for custom parsers too.
    assert!(matches!(decoder.text("/ {}", &limits), Err(DecodeError::InvalidPayload)));
    let nothing = OutPacket { kind: Kind::Connect, namespace: "/", id: None, json: None, attachments: &[] };
    assert_eq!(parser.encode(&nothing).unwrap_err().to_string(), "nothing to say");
}

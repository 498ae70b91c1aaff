//! Encodings other than JSON: one of our own, and msgpack.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tower_socketio::parser::{
    CustomDecoder, CustomParser, DecodeError, EncodeError, Kind, Limits, Message, OutPacket, OwnedPacket,
};
use tower_socketio::{
    Ack, AckSender, Args, Auth, Data, Namespace, Parser, Socket, SocketIo, TestClient, WireError,
};

use crate::support::{Raw, Test, code, refusal};

/// One text message of five lines, attachments in base64.
#[derive(Debug)]
struct Lines;

const KINDS: [(&str, Kind); 5] = [
    ("connect", Kind::Connect),
    ("disconnect", Kind::Disconnect),
    ("event", Kind::Event),
    ("ack", Kind::Ack),
    ("error", Kind::ConnectError),
];

impl CustomParser for Lines {
    fn encode(&self, packet: &OutPacket<'_>) -> Result<Vec<Message>, EncodeError> {
        let (kind, _) = KINDS.iter().find(|(_, kind)| *kind == packet.kind).expect("every kind has a name");
        let id = packet.id.map_or_else(String::new, |id| id.to_string());
        let attachments: Vec<_> = packet.attachments.iter().map(|bytes| STANDARD.encode(bytes)).collect();
        let json = packet.json.unwrap_or_default();
        let lines = [*kind, packet.namespace, &id, json, &attachments.join(",")];
        Ok(vec![Message::Text(lines.join("\n"))])
    }

    fn decoder(&self) -> Box<dyn CustomDecoder> {
        Box::new(Lines)
    }
}

impl CustomDecoder for Lines {
    fn text(&mut self, message: &str, _: &Limits) -> Result<Option<OwnedPacket>, DecodeError> {
        let lines: Vec<_> = message.split('\n').collect();
        let [kind, namespace, id, json, attachments] = lines[..] else {
            return Err(DecodeError::InvalidPayload);
        };
        let (_, kind) = KINDS.iter().find(|(name, _)| *name == kind).ok_or(DecodeError::InvalidPayload)?;
        let attachments = attachments.split(',').filter(|text| !text.is_empty());
        let attachments: Result<Vec<_>, _> =
            attachments.map(|text| STANDARD.decode(text).map(Bytes::from)).collect();
        Ok(Some(OwnedPacket {
            kind: *kind,
            namespace: namespace.to_owned(),
            id: id.parse().ok(),
            json: Some(json.to_owned()).filter(|json| !json.is_empty()),
            attachments: attachments.map_err(|_| DecodeError::InvalidPayload)?,
        }))
    }

    fn binary(&mut self, _: &[u8], _: &Limits) -> Result<Option<OwnedPacket>, DecodeError> {
        Err(DecodeError::UnexpectedMessage)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct File {
    name: String,
    bytes: Bytes,
}

fn server(parser: Parser) -> SocketIo {
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket, auth: Option<Auth<serde_json::Value>>| {
            match auth {
                Some(Auth(auth)) if auth["token"] == "bad" => {
                    return Err(WireError::new("bad token").code("bad"));
                }
                _ => socket.join("room"),
            }
            Ok(())
        })
        .on("echo", async |ack: AckSender, Args(all): Args<Vec<tower_socketio::Any>>| {
            ack.send(Args(all));
        })
        .on("file", async |socket: Socket, Data(file): Data<File>| {
            socket.within("room").emit("file", &file);
            Ack(file)
        });
    SocketIo::builder().parser(parser).namespace("/x", namespace).build().expect("it fits")
}

async fn round_trips(parser: Parser) -> Test {
    let io = server(parser);
    let mut client = TestClient::new(&io).auth("good").connect("/x").await?;
    assert_eq!(
        client.emit_with_ack::<(i64, String, Option<f64>)>("echo", (-7, "é\u{1f600}", 1.5)).await?,
        (-7, "é\u{1f600}".to_owned(), Some(1.5))
    );
    let value = serde_json::json!({"a": [1, null, true, {"b": "c"}], "n": u64::MAX, "f": -0.25});
    assert_eq!(client.emit_with_ack::<serde_json::Value>("echo", &value).await?, value);
    let file = || File { name: "a.bin".to_owned(), bytes: Bytes::from_static(&[0, 1, 255]) };
    assert_eq!(client.emit_with_ack::<File>("file", file()).await?, file());
    assert_eq!(client.next::<File>("file").await?, file());
    assert_eq!(code(client.emit_with_ack::<()>("unknown", ()).await), "unknown_event");
    assert_eq!(io.of("/x").to("room").emit("hi", ("there", 1)).reached(), 1);
    assert_eq!(client.next::<(String, u32)>("hi").await?, ("there".to_owned(), 1));

    let socket = io.socket(client.id()).expect("the socket is here");
    let asking = tokio::spawn(async move { socket.emit_with_ack::<Bytes>("q", 1).await });
    assert_eq!(client.answer::<u32>("q", Bytes::from_static(b"answer")).await?, 1);
    assert_eq!(asking.await??, Bytes::from_static(b"answer"));

    let refused = refusal(TestClient::new(&io).auth("bad").connect("/x").await);
    assert_eq!(refused, ("bad token".to_owned(), Some("bad".to_owned())));
    assert_eq!(refusal(TestClient::new(&io).connect("/unknown").await).0, "Invalid namespace");
    io.of("/x").disconnect(false);
    client.closed().await?;
    Ok(())
}

#[tokio::test]
async fn json_round_trips() -> Test {
    round_trips(Parser::Json).await
}

#[tokio::test]
async fn a_parser_of_ones_own_round_trips() -> Test {
    round_trips(Parser::Custom(Arc::new(Lines))).await
}

#[cfg(feature = "msgpack")]
#[tokio::test]
async fn msgpack_round_trips() -> Test {
    round_trips(Parser::MsgPack).await
}

#[cfg(feature = "msgpack")]
#[tokio::test]
async fn msgpack_is_one_binary_message_per_packet() -> Test {
    let io = SocketIo::builder().parser(Parser::MsgPack).namespace("/", Namespace::new()).build()?;
    let mut raw = Raw::open(&io).await;
    // {type: 0, nsp: "/"}
    raw.send_binary(b"\x82\xa4type\x00\xa3nsp\xa1/").await;
    assert!(raw.next().await.starts_with('['), "a binary message");
    io.emit("e", Bytes::from_static(b"b"));
    // {type: 2, data: ["e", <b>], nsp: "/"}, in whatever order.
    let packet = raw.next().await;
    assert!(
        packet.starts_with('[') && packet.contains("161, 101") && packet.contains("196, 1, 98"),
        "{packet}"
    );
    Ok(())
}

#[tokio::test]
async fn what_a_parser_cannot_read_closes_the_connection_and_no_other() -> Test {
    let io = server(Parser::Custom(Arc::new(Lines)));
    let client = TestClient::new(&io).connect("/x").await?;
    let mut raw = Raw::open(&io).await;
    raw.send("4nonsense").await;
    assert!(raw.maybe_next().await.is_none());
    assert_eq!(client.emit_with_ack::<u32>("echo", 1).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_parser_cannot_smuggle_a_reserved_event_in() -> Test {
    let io = server(Parser::Custom(Arc::new(Lines)));
    let mut raw = Raw::open(&io).await;
    raw.send("4connect\n/x\n\n\n").await;
    assert!(raw.next().await.starts_with("4connect\n/x\n\n{\"sid\""));
    raw.send("4event\n/x\n\n[\"disconnect\"]\n").await;
    assert!(raw.maybe_next().await.is_none());
    Ok(())
}

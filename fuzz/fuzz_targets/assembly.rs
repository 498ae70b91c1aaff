//! A decoder takes any messages in any order, and what it gives arrives unchanged when it is sent on.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tower_socketio_proto::socketio::{
    Any, Args, Arguments, DecodeError, Decoder, Encoded, Kind, Limits, Message, OutPacket, Packet, Parser,
};

fuzz_target!(|input: &[u8]| {
    let [flags, input @ ..] = input else { return };
    let parser = if flags & 1 == 0 { Parser::Json } else { Parser::MsgPack };
    let mut limits = Limits::default();
    if flags & 2 != 0 {
        limits.max_attachments = 2;
        limits.max_payload = 20;
    }
    let mut connection = Connection { decoder: Decoder::new(&parser), parser, limits };
    for chunk in split(input) {
        match chunk {
            [b't', text @ ..] => {
                connection.receive(&Message::Text(String::from_utf8_lossy(text).into_owned()))
            }
            [b'b', binary @ ..] => connection.receive(&Message::Binary(Bytes::copy_from_slice(binary))),
            [b'v', tree @ ..] => connection.send(tree),
            _ => continue,
        }
    }
});

struct Connection {
    decoder: Decoder,
    parser: Parser,
    limits: Limits,
}

impl Connection {
    /// Takes a message of the peer's making.
    fn receive(&mut self, message: &Message) {
        let was_idle = self.decoder.is_idle();
        let received = take(&mut self.decoder, message, &self.limits);
        match received {
            Ok(Some(packet)) => {
                assert!(packet.attachments.len() <= self.limits.max_attachments);
                let size: usize = packet.attachments.iter().map(Bytes::len).sum();
                assert!(size <= self.limits.max_payload);
                assert!(was_idle || !packet.attachments.is_empty());
                check(&self.parser, &packet);
                assert!(self.decoder.is_idle());
                self.decoder.release();
                assert!(self.decoder.is_idle());
            }
            Ok(None) => assert!(!self.decoder.is_idle()),
            // The connection ends with its first error, and the peer makes another.
            Err(_) => self.decoder = Decoder::new(&self.parser),
        }
    }

    /// Takes a packet such as a proper peer makes.
    fn send(&mut self, tree: &[u8]) {
        let mut source = Unstructured::new(tree);
        let (Ok(kind), Ok(id)) = (bool::arbitrary(&mut source), Option::<u64>::arbitrary(&mut source)) else {
            return;
        };
        let mut all = Vec::new();
        while !source.is_empty() {
            all.push(any(&mut source, 4).unwrap_or_default());
        }
        let (kind, encoded) = if kind {
            (Kind::Event, Encoded::event("e", &Args(&all)))
        } else {
            (Kind::Ack, Encoded::arguments(&Args(&all)))
        };
        let encoded = encoded.expect("all of it can be written");
        let was_idle = self.decoder.is_idle();
        for message in encode(&self.parser, kind, id, &encoded).expect("it is not nested deep") {
            match take(&mut self.decoder, &message, &self.limits) {
                Ok(Some(packet)) if was_idle => {
                    assert_eq!((packet.kind, packet.id), (kind, id));
                    assert_eq!(arguments(&packet).deserialize::<Args<Vec<Any>>>().unwrap(), Args(all));
                    return;
                }
                Ok(_) => {}
                Err(error) => {
                    // Within the limits, only one packet inside of another is refused.
                    assert!(
                        !was_idle
                            || matches!(
                                error,
                                DecodeError::TooManyAttachments | DecodeError::AttachmentsTooLarge
                            )
                    );
                    self.decoder = Decoder::new(&self.parser);
                    return;
                }
            }
        }
        assert!(!was_idle, "a whole packet did not arrive");
    }
}

/// Reads a packet's arguments and sends them on, through both parsers.
fn check(parser: &Parser, packet: &Packet<'_>) {
    let arguments = match packet.kind {
        Kind::Event => Arguments::event(packet),
        Kind::Ack => Arguments::ack(packet),
        _ => return drop(Arguments::auth(packet)),
    };
    let Ok(arguments) = arguments else { return };
    let _ = arguments.deserialize::<(serde_json::Value, Bytes)>();
    let Ok(encoded) = arguments.to_encoded() else { return };
    let Ok(Args(all)) = arguments.deserialize::<Args<Vec<Any>>>() else { return };
    // Where the same attachment stands twice, or one nowhere, it is not written as it came.
    let canonical = match packet.kind {
        Kind::Event => Encoded::event(arguments.name(), &Args(&all)),
        _ => Encoded::arguments(&Args(&all)),
    };
    let canonical = canonical.expect("what was read can be written");
    let name = arguments.name();
    // The empty name stands for acknowledgements here.
    if packet.kind == Kind::Ack || !name.is_empty() {
        let again = Arguments::from_encoded(name, &canonical);
        assert_eq!(again.deserialize::<Args<Vec<Any>>>().unwrap().0, all);
    }

    for encoded in [&encoded, &canonical] {
        relay(parser, packet.kind, packet.id, encoded, &all);
    }
}

fn relay(parser: &Parser, kind: Kind, id: Option<u64>, encoded: &Encoded, all: &[Any]) {
    let messages = encode(parser, kind, id, encoded).expect("what was read can be encoded");
    let mut limits = Limits::default();
    limits.max_attachments = usize::MAX;
    let mut decoder = Decoder::new(parser);
    for (index, message) in messages.iter().enumerate() {
        let packet = take(&mut decoder, message, &limits).expect("we wrote it");
        assert_eq!(packet.is_some(), index == messages.len() - 1);
        if let Some(packet) = packet {
            assert_eq!((packet.kind, packet.id), (kind, id));
            let Args(again) = arguments(&packet).deserialize::<Args<Vec<Any>>>().expect("we wrote it");
            match parser {
                // JavaScript's one kind of number: a whole float comes back as an integer.
                Parser::MsgPack => assert_eq!(again.len(), all.len()),
                _ => assert_eq!(again, all),
            }
        }
    }
}

fn take<'a>(
    decoder: &'a mut Decoder,
    message: &'a Message,
    limits: &Limits,
) -> Result<Option<Packet<'a>>, DecodeError> {
    match message {
        Message::Text(text) => decoder.text(text, limits),
        Message::Binary(binary) => decoder.binary(binary, limits),
    }
}

fn arguments(packet: &Packet<'_>) -> Arguments {
    match packet.kind {
        Kind::Event => Arguments::event(packet).expect("a proper event"),
        _ => Arguments::ack(packet).expect("a proper acknowledgement"),
    }
}

fn encode(
    parser: &Parser,
    kind: Kind,
    id: Option<u64>,
    encoded: &Encoded,
) -> Result<Vec<Message>, tower_socketio_proto::socketio::EncodeError> {
    parser.encode(&OutPacket {
        kind,
        namespace: "/",
        id,
        json: Some(std::str::from_utf8(&encoded.json).expect("JSON is text")),
        attachments: &encoded.attachments,
    })
}

/// Any value that both parsers carry as it is.
fn any(source: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<Any> {
    Ok(match source.int_in_range(0..=if depth > 0 { 8 } else { 6 })? {
        0 => Any::Null,
        1 => Any::Bool(source.arbitrary()?),
        2 => Any::Number(u64::arbitrary(source)?.into()),
        3 => Any::Number(i64::arbitrary(source)?.into()),
        4 => serde_json::Number::from_f64(f64::arbitrary(source)?)
            .filter(|number| number.as_f64().is_some_and(|number| number.fract() != 0.0))
            .map_or(Any::Null, Any::Number),
        5 => Any::String(source.arbitrary()?),
        6 => Any::Binary(Vec::arbitrary(source)?.into()),
        7 => {
            let length = source.int_in_range(0..=20_u8)?;
            Any::Array((0..length).map(|_| any(source, depth - 1)).collect::<Result<_, _>>()?)
        }
        _ => {
            let length = source.int_in_range(0..=20_u8)?;
            Any::Object((0..length).map(|_| entry(source, depth - 1)).collect::<Result<_, _>>()?)
        }
    })
}

fn entry(source: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<(String, Any)> {
    // A key that no peer uses: beside attachments it marks their places.
    let key = String::arbitrary(source)?.replace("_placeholder", "");
    Ok((key, any(source, depth)?))
}

fn split(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let input = rest?;
        let end = input.windows(2).position(|pair| pair == b"\n~");
        rest = end.map(|end| &input[end + 2..]);
        Some(&input[..end.unwrap_or(input.len())])
    })
}

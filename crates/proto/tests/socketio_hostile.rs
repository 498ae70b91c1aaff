//! Messages that break the rules: each gives a typed error, in bounded time and memory.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

use proptest::prelude::*;
use serde_json::Value;
use tower_socketio_proto::socketio::{Arguments, DecodeError, Decoder, Kind, Limits, Packet, Parser};

fn error(message: &str) -> DecodeError {
    let mut decoder = Decoder::new(&Parser::Json);
    match decoder.text(message, &Limits::default()) {
        Err(error) => error,
        Ok(packet) => panic!("{message}: {packet:?}"),
    }
}

#[test]
fn unknown_types_are_refused() {
    for message in ["", "7", "9[]", "abc", "-1", " 2[\"x\"]", "4{}", "é", "4\"x\""] {
        assert!(matches!(error(message), DecodeError::UnknownType), "{message}");
    }
}

#[test]
fn payloads_of_the_wrong_shape_are_refused() {
    for message in [
        "2{}",
        "2abc",
        "2\"x\"",
        "2abc[\"x\"]",
        "2[\"x\"",
        "2]",
        "2[",
        "2/admin,{}",
        "3{}",
        "3x",
        "0[]",
        "0\"x\"",
        "0{",
        "0/admin,[]",
        "0/admin,1x",
        "1{}",
        "1[]",
        "1/admin,x",
        "2-1[\"x\"]",
        "2{]",
        "51-{}",
        "61-x",
    ] {
        assert!(matches!(error(message), DecodeError::InvalidPayload), "{message}: {:?}", error(message));
    }
}

#[test]
fn ids_must_be_numbers_of_64_bits() {
    for message in ["218446744073709551616[\"x\"]", "3/a,99999999999999999999999999[]"] {
        assert!(matches!(error(message), DecodeError::InvalidId), "{message}");
    }
    let digits = format!("2{}[\"x\"]", "9".repeat(1_000_000));
    assert!(matches!(error(&digits), DecodeError::InvalidId));
}

#[test]
fn counts_of_attachments_must_be_within_bounds() {
    for message in
        ["5", "5[\"x\"]", "51[\"x\"]", "5-[\"x\"]", "50-[\"x\"]", "500-[\"x\"]", "5x-[\"x\"]", "6-"]
    {
        assert!(matches!(error(message), DecodeError::IllegalAttachments), "{message}");
    }
    for message in ["511-[\"x\"]", "61000000-[\"x\"]", "5184467440737095516160-[\"x\"]"] {
        assert!(matches!(error(message), DecodeError::TooManyAttachments), "{message}");
    }
    let digits = format!("5{}-[\"x\"]", "9".repeat(1_000_000));
    assert!(matches!(error(&digits), DecodeError::TooManyAttachments));
}

#[test]
fn a_million_declared_attachments_cost_nothing() {
    let mut decoder = Decoder::new(&Parser::Json);
    let mut limits = Limits::default();
    limits.max_attachments = usize::MAX;
    let allocated = allocation_counter::measure(|| {
        assert!(decoder.text("51000000-[\"x\"]", &limits).unwrap().is_none());
    });
    assert!(allocated.bytes_total < 256, "{allocated:?}");
}

#[test]
fn attachments_and_text_come_in_their_order() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&Parser::Json);
    assert!(matches!(decoder.binary(&[1], &limits), Err(DecodeError::UnexpectedAttachment)));
    assert!(decoder.text("51-[\"x\"]", &limits).unwrap().is_none());
    assert!(matches!(decoder.text("2[\"x\"]", &limits), Err(DecodeError::MissingAttachment)));
    assert!(decoder.binary(&[1], &limits).unwrap().is_some());
    assert!(matches!(decoder.binary(&[1], &limits), Err(DecodeError::UnexpectedAttachment)));
}

#[test]
fn attachments_of_a_packet_share_one_limit() {
    let mut limits = Limits::default();
    limits.max_payload = 10;
    let mut decoder = Decoder::new(&Parser::Json);
    assert!(decoder.text("53-[\"x\"]", &limits).unwrap().is_none());
    assert!(decoder.binary(&[0; 5], &limits).unwrap().is_none());
    assert!(decoder.binary(&[0; 5], &limits).unwrap().is_none());
    assert!(matches!(decoder.binary(&[0; 1], &limits), Err(DecodeError::AttachmentsTooLarge)));
}

#[test]
fn an_attachment_cannot_be_multiplied() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&Parser::Json);
    let message = format!(r#"51-["e"{}]"#, r#",{"_placeholder":true,"num":0}"#.repeat(30_000));
    decoder.text(&message, &limits).unwrap();
    let packet = decoder.binary(&[7; 100_000], &limits).unwrap().unwrap();
    let arguments = Arguments::event(&packet).unwrap();
    let reading = allocation_counter::measure(|| {
        assert!(arguments.deserialize_all::<Vec<bytes::Bytes>>().is_err());
    });
    assert!(reading.bytes_total < 300_000, "{reading:?}");
    // Reading again starts again.
    for _ in 0..2 {
        assert_eq!(arguments.deserialize::<bytes::Bytes>().unwrap().len(), 100_000);
    }
}

#[test]
fn long_numbers_take_linear_time() {
    let limits = Limits::default();
    for number in [
        "1".repeat(1_000_000),
        format!("0.{}", "1".repeat(1_000_000)),
        format!("1e{}", "9".repeat(1_000_000)),
    ] {
        let message = format!("2[\"e\",{number}]");
        let mut decoder = Decoder::new(&Parser::Json);
        let packet = decoder.text(&message, &limits).unwrap().unwrap();
        let _ = Arguments::event(&packet).unwrap().deserialize::<f64>();
        let message = format!("2[{number}]");
        let packet = decoder.text(&message, &limits).unwrap().unwrap();
        let _ = Arguments::event(&packet);
    }
}

#[test]
fn deep_nesting_overflows_no_stack() {
    let nested = format!("2[\"x\",{}{}]", "[".repeat(200_000), "]".repeat(200_000));
    let limits = Limits::default();
    let mut decoder = Decoder::new(&Parser::Json);
    let packet = decoder.text(&nested, &limits).unwrap().unwrap();
    let arguments = Arguments::event(&packet).unwrap();
    assert!(arguments.deserialize::<Value>().is_err());
    assert!(arguments.deserialize_all::<Vec<Value>>().is_err());
    assert!(arguments.to_json().is_err());
    assert!(arguments.to_encoded().is_err());
    assert_eq!(arguments.len(), 1);

    let nested = format!("51-{}", &nested[1..]);
    assert!(decoder.text(&nested, &limits).unwrap().is_none());
    let packet = decoder.binary(&[], &limits).unwrap().unwrap();
    assert!(Arguments::event(&packet).unwrap().deserialize::<Value>().is_err());

    let auth = format!("0{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    let packet = decoder.text(&auth, &limits).unwrap().unwrap();
    assert!(matches!(Arguments::auth(&packet), Err(DecodeError::InvalidPayload)));
}

/// Uses everything a packet offers.
fn exercise(packet: &Packet<'_>) {
    let arguments = match packet.kind {
        Kind::Event => Arguments::event(packet),
        Kind::Ack => Arguments::ack(packet),
        _ => {
            let _ = Arguments::auth(packet);
            return;
        }
    };
    let Ok(mut arguments) = arguments else { return };
    let _ = (arguments.name().len(), arguments.len(), arguments.is_empty(), arguments.wire_len());
    let _ = arguments.deserialize::<String>();
    let _ = arguments.deserialize::<(bytes::Bytes, Option<Value>)>();
    let _ = arguments.deserialize_all::<Vec<Value>>();
    if let Ok(encoded) = arguments.to_encoded() {
        let name = arguments.name().to_owned();
        let again = Arguments::from_encoded(&name, &encoded);
        assert_eq!(again.to_json().unwrap(), arguments.to_json().unwrap());
        assert_eq!(again.len(), arguments.len());
    }
    arguments.set_name("x");
    let _ = arguments.to_encoded();
}

/// A msgpack event with values of every kind, to be damaged.
const MSGPACK: &[u8] = b"\x84\xa4type\x02\xa4data\x9b\xa1e\xc0\xc3\xcd\x01\x00\xd0\x80\xca\x3f\xc0\x00\x00\
    \xcb\x40\x14\x00\x00\x00\x00\x00\x00\xc4\x02ab\xd7\x00\x00\x00\x01\x6f\x5e\x66\xe8\x7b\xc7\x02\x00cd\
    \x82\xa1k\x92\xd4\x00\x00\xd9\x01x\x07\xdc\x00\x01\xff\xa2id\x05\xa3nsp\xa1/";

#[derive(Clone, Debug)]
enum Step {
    Text(String),
    Binary(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let header = r#"[0-7]([0-9]{0,2}-)?(/[a-z?é"]{0,3},?)?[0-9]{0,3}"#;
    let payload = proptest::collection::vec(
        prop_oneof![
            Just("["),
            Just("]"),
            Just("{"),
            Just("}"),
            Just(","),
            Just(":"),
            Just("\""),
            Just("\\"),
            Just("1"),
            Just("\"e\""),
            Just(" "),
            Just("null"),
            Just("\\u00e9"),
            Just(r#"{"_placeholder":true,"num":0}"#),
            Just(r#"{"num":1,"_placeholder":true}"#),
            Just("-"),
            Just("é"),
            Just("1e5"),
            Just("[\"e\",")
        ],
        0..12,
    );
    prop_oneof![
        any::<String>().prop_map(Step::Text),
        (header, payload.clone()).prop_map(|(header, payload)| Step::Text(header + &payload.concat())),
        ("[2356](1-|2-)?", payload)
            .prop_map(|(header, payload)| { Step::Text(format!("{header}[\"e\",{}]", payload.concat())) }),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Binary),
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4).prop_map(|changes| {
            let mut message = MSGPACK.to_vec();
            for (index, byte) in changes {
                message[index.index(MSGPACK.len())] = byte;
            }
            Step::Binary(message)
        }),
    ]
}

#[test]
#[cfg(feature = "msgpack")]
fn the_message_to_be_damaged_is_whole() {
    let mut decoder = Decoder::new(&Parser::MsgPack);
    let packet = decoder.binary(MSGPACK, &Limits::default()).unwrap().unwrap();
    assert_eq!(Arguments::event(&packet).unwrap().len(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_messages_panics(steps in proptest::collection::vec(step(), 1..6)) {
        let limits = Limits::default();
        for parser in parsers() {
            let mut decoder = Decoder::for_client(&parser);
            for step in &steps {
                let packet = match step {
                    Step::Text(text) => decoder.text(text, &limits),
                    Step::Binary(binary) => decoder.binary(binary, &limits),
                };
                if let Ok(Some(packet)) = packet {
                    exercise(&packet);
                }
                let _ = decoder.is_idle();
                decoder.release();
            }
        }
    }
}

fn parsers() -> Vec<Parser> {
    vec![
        Parser::Json,
        #[cfg(feature = "msgpack")]
        Parser::MsgPack,
    ]
}

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{
    Arguments, Data, DecodeError, Decoder, EncodeError, Encoded, Kind, Limits, Message, OutPacket, Parser,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn encode(kind: Kind, namespace: &str, id: Option<u64>, encoded: Option<&Encoded>) -> Vec<u8> {
    let packet = OutPacket {
        kind,
        namespace,
        id,
        json: encoded.map(|encoded| str::from_utf8(&encoded.json).unwrap()),
        attachments: encoded.map_or(&[], |encoded| &encoded.attachments),
    };
    match &Parser::MsgPack.encode(&packet).unwrap()[..] {
        [Message::Binary(message)] => message.to_vec(),
        messages => panic!("{messages:?}"),
    }
}

fn event(hex: &str) -> Arguments {
    let message = bytes(hex);
    let mut decoder = Decoder::new(&Parser::MsgPack);
    let packet = decoder.binary(&message, &Limits::default()).unwrap().unwrap();
    Arguments::event(&packet).unwrap()
}

fn error(message: &[u8]) -> DecodeError {
    let mut decoder = Decoder::new(&Parser::MsgPack);
    let packet = match decoder.binary(message, &Limits::default()) {
        Ok(packet) => packet.unwrap(),
        Err(error) => return error,
    };
    match packet.kind {
        Kind::Connect => Arguments::auth(&packet).unwrap_err(),
        _ => Arguments::event(&packet).unwrap_err(),
    }
}

/// An event `["e", <value>]` in `/`.
fn wrapped(value: &[u8]) -> Vec<u8> {
    [&bytes("83 a474797065 02 a36e7370 a12f a464617461 92 a165")[..], value].concat()
}

// The messages in hexadecimal are from `socket.io` 4.8.4 with `socket.io-msgpack-parser` 3.0.2.

#[test]
fn what_a_javascript_client_sends_is_understood() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&Parser::MsgPack);

    let connect = bytes("83a47479706500a46461746181a5746f6b656ea174a36e7370a12f");
    let packet = decoder.binary(&connect, &limits).unwrap().unwrap();
    assert_eq!((packet.kind, packet.namespace, packet.id), (Kind::Connect, "/", None));
    let auth = Arguments::auth(&packet).unwrap().unwrap();
    assert_eq!(auth.deserialize::<Value>().unwrap(), json!({ "token": "t" }));

    let undefined = bytes("83a47479706500a464617461d40000a36e7370a32f6e6f");
    let packet = decoder.binary(&undefined, &limits).unwrap().unwrap();
    assert_eq!((packet.kind, packet.namespace, packet.data), (Kind::Connect, "/no", Data::None));

    let emit = bytes(
        "85a47479706502a46461746192a16581a16b91c4026869a76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f",
    );
    let packet = decoder.binary(&emit, &limits).unwrap().unwrap();
    assert_eq!((packet.kind, packet.id), (Kind::Event, Some(0)));
    #[derive(Deserialize)]
    struct Nested {
        k: Vec<Bytes>,
    }
    let arguments = Arguments::event(&packet).unwrap();
    assert_eq!(arguments.name(), "e");
    assert_eq!(arguments.deserialize::<Nested>().unwrap().k, [&b"hi"[..]]);

    // An acknowledgement with an ArrayBuffer, a Date, `undefined` alone and in an object, and numbers.
    let ack = bytes(
        "84a47479706503a2696400a46461746194c7010009d7000000016f5e66e87bd4000086a175d40000a166cf35c9adc5dea00000
         a17a00a169cb7ff0000000000000a3626967cf0020000000000000a16ed3fffffffed5fa0e00a36e7370a12f",
    );
    let packet = decoder.binary(&ack, &limits).unwrap().unwrap();
    assert_eq!((packet.kind, packet.id), (Kind::Ack, Some(0)));
    let arguments = Arguments::ack(&packet).unwrap();
    let (buffer, date, undefined, object) =
        arguments.deserialize::<(Bytes, String, Option<u8>, Value)>().unwrap();
    assert_eq!((&buffer[..], &*date, undefined), (&[9][..], "2020-01-01T00:00:00.123Z", None));
    assert_eq!(
        object,
        json!({
            "u": null, "f": 3_875_820_019_684_212_736_u64, "z": 0, "i": null,
            "big": 9_007_199_254_740_992_u64, "n": -5_000_000_000_i64,
        })
    );

    let disconnect = bytes("82a47479706501a36e7370a12f");
    assert_eq!(decoder.binary(&disconnect, &limits).unwrap().unwrap().kind, Kind::Disconnect);
    assert!(decoder.is_idle());
}

#[test]
fn what_a_javascript_server_sends_is_what_is_written() {
    let object = |json: &str| Encoded { json: json.into(), attachments: Vec::new() };
    assert_eq!(
        encode(Kind::ConnectError, "/no", None, Some(&object(r#"{"message":"bad","data":{"a":1}}"#))),
        bytes("83a47479706504a46461746182a76d657373616765a3626164a46461746181a16101a36e7370a32f6e6f")
    );
    assert_eq!(encode(Kind::Disconnect, "/", None, None), bytes("82a47479706501a36e7370a12f"));
    assert_eq!(
        encode(Kind::Event, "/", Some(0), Some(&Encoded::event("w", &1).unwrap())),
        bytes("84a47479706502a46461746192a17701a2696400a36e7370a12f")
    );
    let data = (Bytes::from_static(&[1, 2]), 1, -1, 1.5, 300, 5_000_000_000_u64, None::<u8>);
    assert_eq!(
        encode(Kind::Event, "/", None, Some(&Encoded::event("b", &data).unwrap())),
        bytes(
            "83a47479706502a46461746198a162c402010201ffcb3ff8000000000000cd012ccf000000012a05f200c0a36e7370a12f"
        )
    );
}

#[test]
fn keys_come_in_any_order_and_among_others() {
    let message =
        bytes("85 a26964 cd0102 a178 9281a179c0c3 a36e7370 a62f613f623d63 a464617461 91a165 a474797065 02");
    let mut decoder = Decoder::new(&Parser::MsgPack);
    let packet = decoder.binary(&message, &Limits::default()).unwrap().unwrap();
    assert_eq!((packet.namespace, packet.query, packet.id), ("/a", Some("b=c"), Some(258)));
    let arguments = Arguments::event(&packet).unwrap();
    assert_eq!((arguments.name(), arguments.len()), ("e", 0));
}

#[test]
fn lengths_take_the_fewest_bytes() {
    for length in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        let encoded = Encoded::event(
            "e",
            &("x".repeat(length), vec![1; length], Bytes::from(vec![7; length]), vec![vec![(); length]; 2]),
        )
        .unwrap();
        let message = encode(Kind::Event, "/", None, Some(&encoded));
        let mut decoder = Decoder::new(&Parser::MsgPack);
        let packet = decoder.binary(&message, &Limits::default()).unwrap().unwrap();
        let (text, list, binary, nested) = Arguments::event(&packet)
            .unwrap()
            .deserialize::<(String, Vec<u8>, Bytes, Vec<Vec<()>>)>()
            .unwrap();
        assert_eq!((text.len(), list.len(), binary.len()), (length, length, length));
        assert_eq!(nested.iter().map(Vec::len).collect::<Vec<_>>(), [length; 2]);
        let text =
            (1 + usize::from(length > 31) + usize::from(length > 255) + 2 * usize::from(length > 65_535))
                + length;
        let binary = (2 + usize::from(length > 255) + 2 * usize::from(length > 65_535)) + length;
        let list = (1 + 2 * usize::from(length > 15) + 2 * usize::from(length > 65_535)) + length;
        assert_eq!(message.len(), 1 + 5 + 1 + 5 + (1 + 2 + text + list + binary + (1 + 2 * list)) + 4 + 2);
    }
}

#[test]
fn integers_take_the_fewest_bytes() {
    let cases: [(i128, &str); 18] = [
        (0, "00"),
        (127, "7f"),
        (128, "cc80"),
        (255, "ccff"),
        (256, "cd0100"),
        (65_535, "cdffff"),
        (65_536, "ce00010000"),
        (u32::MAX.into(), "ceffffffff"),
        (1 << 32, "cf0000000100000000"),
        (u64::MAX.into(), "cfffffffffffffffff"),
        (-1, "ff"),
        (-32, "e0"),
        (-33, "d0df"),
        (-128, "d080"),
        (-129, "d1ff7f"),
        (-32_769, "d2ffff7fff"),
        ((-1_i128 << 31) - 1, "d3ffffffff7fffffff"),
        (i64::MIN.into(), "d38000000000000000"),
    ];
    for (number, hex) in cases {
        let encoded = Encoded { json: format!("[\"e\",{number}]").into(), attachments: Vec::new() };
        let message = encode(Kind::Event, "/", None, Some(&encoded));
        assert_eq!(
            message,
            [&bytes("83a47479706502a46461746192a165")[..], &bytes(hex), &bytes("a36e7370a12f")].concat()
        );
    }
    assert_eq!(
        event("83a36e7370a12fa47479706502a46461746192a165d3ffffffffffffffff").deserialize::<i8>().unwrap(),
        -1
    );
}

#[test]
fn values_read_as_they_would_from_json() {
    let read = |value: &str| {
        let message = wrapped(&bytes(value));
        let mut decoder = Decoder::new(&Parser::MsgPack);
        let packet = decoder.binary(&message, &Limits::default()).unwrap().unwrap();
        Arguments::event(&packet).unwrap().to_json().unwrap()
    };
    for (value, json) in [
        ("c0", "[null]"),
        ("c2", "[false]"),
        ("c3", "[true]"),
        ("cb4014000000000000", "[5]"),
        ("cb8000000000000000", "[0]"),
        ("cb7ff8000000000000", "[null]"),
        ("cbfff0000000000000", "[null]"),
        ("ca3fc00000", "[1.5]"),
        ("cb3ff8000000000000", "[1.5]"),
        ("d0fb", "[-5]"),
        ("d1fffb", "[-5]"),
        ("d2fffffffb", "[-5]"),
        ("e0", "[-32]"),
        ("a22209", r#"["\"\t"]"#),
        ("d902c3a9", r#"["é"]"#),
        ("da0001 61", r#"["a"]"#),
        ("db00000001 61", r#"["a"]"#),
        ("c403010203", r#"[{"_placeholder":true,"num":0}]"#),
        ("c50001 01", r#"[{"_placeholder":true,"num":0}]"#),
        ("c800010001", r#"[{"_placeholder":true,"num":0}]"#),
        ("c9000000010001", r#"[{"_placeholder":true,"num":0}]"#),
        ("c70100 01", r#"[{"_placeholder":true,"num":0}]"#),
        ("c70800 0000000000000000", r#"[{"_placeholder":true,"num":0}]"#),
        ("c70105 01", r#"[[5,{"_placeholder":true,"num":0}]]"#),
        ("d40507", r#"[[5,{"_placeholder":true,"num":0}]]"#),
        ("d6ff00000000", r#"["1970-01-01T00:00:00.000Z"]"#),
        ("d6ff59682f00", r#"["2017-07-14T02:40:00.000Z"]"#),
        ("d7ff1dcd650059682f00", r#"["2017-07-14T02:40:00.125Z"]"#),
        ("c70cff1dcd6500ffffffffffffffff", r#"["1969-12-31T23:59:59.500Z"]"#),
        ("c70cffffffffff7fffffffffffffff", "[null]"),
        ("d4ff00", r#"[[-1,{"_placeholder":true,"num":0}]]"#),
        ("d7000000000000000000", r#"["1970-01-01T00:00:00.000Z"]"#),
        ("d700ffffffffffffffff", r#"["1969-12-31T23:59:59.999Z"]"#),
        ("d700001eb208c2dc0000", r#"["+275760-09-13T00:00:00.000Z"]"#),
        ("d700ffe14df73d240000", r#"["-271821-04-20T00:00:00.000Z"]"#),
        ("d700ffffc77590fba000", r#"["0000-01-01T00:00:00.000Z"]"#),
        ("d700000000dd9aa6e000", r#"["2000-02-29T00:00:00.000Z"]"#),
        ("d7007fffffffffffffff", "[null]"),
        ("92c0d40000", "[[null,null]]"),
        ("dc0001c0", "[[null]]"),
        ("dd00000001c0", "[[null]]"),
        ("81a161d40000", r#"[{"a":null}]"#),
        ("de0001a16101", r#"[{"a":1}]"#),
        ("df00000001a16101", r#"[{"a":1}]"#),
        ("820701ff02", r#"[{"7":1,"-1":2}]"#),
    ] {
        assert_eq!(read(value), json, "{value}");
    }
}

#[test]
fn malformed_packets_are_refused() {
    let truncated = bytes("85a47479706502a46461746192a16581a16b91c4026869a2696400a36e7370a12f");
    for length in 0..truncated.len() {
        assert!(matches!(error(&truncated[..length]), DecodeError::MsgPack(_)), "{length}");
    }
    for (hex, reason) in [
        ("c0", "not a map"),
        ("92a47479706502", "not a map"),
        ("c1", "unknown marker"),
        ("82a47479706501a36e7370a12f00", "trailing bytes"),
        ("81a47479706501", "invalid namespace"),
        ("82a47479706501a36e737001", "invalid namespace"),
        ("82a47479706501a36e7370a1ff", "text is not UTF-8"),
        ("dfffffffff", "truncated"),
        ("81a161ddffffffff", "truncated"),
        ("81a161dfffffffff", "truncated"),
        ("81a16193c0c0", "truncated"),
        ("81a161c6ffffffff", "truncated"),
    ] {
        assert!(
            matches!(error(&bytes(hex)), DecodeError::MsgPack(text) if text == reason),
            "{hex}: {:?}",
            error(&bytes(hex))
        );
    }
    for hex in [
        "81a36e7370a12f",
        "82a474797065a130a36e7370a12f",
        "82a47479706505a36e7370a12f",
        "82a47479706504a36e7370a12f",
        "82a474797065ffa36e7370a12f",
    ] {
        assert!(matches!(error(&bytes(hex)), DecodeError::UnknownType), "{hex}");
    }
    for hex in [
        "83a47479706500a36e7370a12fa46461746190",
        "83a47479706501a36e7370a12fa46461746180",
        "83a47479706502a36e7370a12fa46461746180",
        "83a47479706503a36e7370a12fa464617461a178",
        "82a47479706502a36e7370a12f",
    ] {
        assert!(matches!(error(&bytes(hex)), DecodeError::InvalidPayload), "{hex}");
    }
    assert!(matches!(error(&bytes("83a47479706502a36e7370a12fa26964ff")), DecodeError::InvalidId));
    assert!(matches!(error(&bytes("83a47479706502a36e7370a12fa464617461 90")), DecodeError::InvalidName));
    assert!(matches!(error(&bytes("83a47479706502a36e7370a12fa464617461 91c0")), DecodeError::InvalidName));
    assert!(matches!(
        error(&bytes("83a47479706502a36e7370a12fa464617461 91a7636f6e6e656374")),
        DecodeError::ReservedName
    ));
    assert!(matches!(error(&wrapped(&bytes("81c001"))), DecodeError::MsgPack("a key is not text")));

    let mut decoder = Decoder::new(&Parser::MsgPack);
    assert!(matches!(decoder.text("2[\"x\"]", &Limits::default()), Err(DecodeError::UnexpectedMessage)));
}

#[test]
fn deep_nesting_overflows_no_stack() {
    let nested = wrapped(&[vec![0x91; 200_000], vec![0xc0]].concat());
    assert!(matches!(error(&nested), DecodeError::MsgPack("nested too deep")));
    let maps = wrapped(&[b"\x81\xa1a".repeat(200_000), vec![0xc0]].concat());
    assert!(matches!(error(&maps), DecodeError::MsgPack("nested too deep")));

    let json = format!("[\"e\",{}{}]", "[".repeat(200_000), "]".repeat(200_000));
    let packet =
        OutPacket { kind: Kind::Event, namespace: "/", id: None, json: Some(&json), attachments: &[] };
    assert!(matches!(Parser::MsgPack.encode(&packet), Err(EncodeError::Serialize(_))));
}

#[test]
fn what_is_no_json_is_not_sent() {
    for json in [
        "[",
        "[1]]",
        r#"[{"_placeholder":true,"num":1}]"#,
        r#"[{"_placeholder":true}]"#,
        r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#,
    ] {
        let attachments = &[Bytes::from_static(&[1])];
        let packet = OutPacket { kind: Kind::Event, namespace: "/", id: None, json: Some(json), attachments };
        assert!(matches!(Parser::MsgPack.encode(&packet), Err(EncodeError::Serialize(_))), "{json}");
    }
}

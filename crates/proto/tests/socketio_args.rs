//! `Args` and `Any`: arguments of any number and any type, binary among them.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Number, Value, json};
use tower_socketio_proto::socketio::{
    Any, Args, Arguments, Decoder, EncodeError, Encoded, Kind, Limits, Message, OutPacket, Parser,
    write_arguments, write_event,
};

fn written<T: serde::Serialize + ?Sized>(data: &T) -> (String, String) {
    let event = Encoded::event("e", data).unwrap();
    let arguments = Encoded::arguments(data).unwrap();
    assert_eq!(event.attachments, arguments.attachments);
    (String::from_utf8(event.json).unwrap(), String::from_utf8(arguments.json).unwrap())
}

fn incoming(json: &str, attachments: &[&'static [u8]]) -> Arguments {
    let attachments = attachments.iter().copied().map(Bytes::from_static).collect();
    Arguments::from_encoded("e", &Encoded { json: json.into(), attachments })
}

fn binary(bytes: &'static [u8]) -> Any {
    Any::Binary(Bytes::from_static(bytes))
}

#[test]
fn each_element_becomes_an_argument() {
    let same = |arguments: &str| (arguments.replacen('[', r#"["e","#, 1), arguments.to_owned());
    assert_eq!(written(&Args(vec![1, 2])), same("[1,2]"));
    assert_eq!(written(&&Args(vec![json!([1]), json!("x")])), same(r#"[[1],"x"]"#));
    assert_eq!(written(&Args(["x"])), same(r#"["x"]"#));
    assert_eq!(written(&Args(&[1, 2, 3][..])), same("[1,2,3]"));
    assert_eq!(written(&Args((1, "x"))), same(r#"[1,"x"]"#));
    assert_eq!(written(&Args(Args(vec![1]))), same("[1]"));
    assert_eq!(written(&Args(json!([1, null]))), same("[1,null]"));
    assert_eq!(written(&Args(Any::Array(vec![Any::Null]))), same("[null]"));
    assert_eq!(written(&Args(Some([1]))), same("[1]"));
    assert_eq!(written(&Args(vec![Bytes::new()])), same(r#"[{"_placeholder":true,"num":0}]"#));
    assert_eq!(written(&Args(vec![vec![0; 0]])), same("[[]]"));
}

#[test]
fn an_empty_sequence_is_no_argument() {
    let nothing = (r#"["e"]"#.to_owned(), "[]".to_owned());
    assert_eq!(written(&Args::<Vec<u8>>::default()), nothing);
    assert_eq!(written(&Args([0; 0])), nothing);
    assert_eq!(written(&Args(())), nothing);
    assert_eq!(written(&Args(None::<Vec<u8>>)), nothing);
    assert_eq!(written(&Args(Any::Null)), nothing);
}

#[test]
fn args_inside_of_another_value_are_one_argument() {
    assert_eq!(written(&(Args([1, 2]), 3)).1, "[[1,2],3]");
    assert_eq!(written(&vec![Args([1])]).1, "[[[1]]]");
    assert_eq!(written(&Some(Args([1]))).1, "[[1]]");
}

#[test]
fn what_is_no_sequence_is_not_spread() {
    let mut out = b"before".to_vec();
    for result in [
        write_event(&mut out, "e", &Args(1)),
        write_event(&mut out, "e", &Args("[1]")),
        write_event(&mut out, "e", &Args(json!({ "a": 1 }))),
        write_arguments(&mut out, &Args(Bytes::from_static(&[1]))),
        write_arguments(&mut out, &Args("null")),
    ] {
        assert!(matches!(result, Err(EncodeError::Serialize(_))));
    }
    assert_eq!(out, b"before");
}

#[test]
fn args_read_the_whole_list() {
    let arguments = incoming(r#"["e",1,"x",[2]]"#, &[]);
    let Args(values) = arguments.deserialize::<Args>().unwrap();
    assert_eq!(Value::from(values), json!([1, "x", [2]]));
    assert_eq!(arguments.deserialize_all::<Args>().unwrap().0.len(), 3);
    let Args((one, text)) = arguments.deserialize::<Args<(u8, String)>>().unwrap();
    assert_eq!((one, &*text), (1, "x"));
    assert_eq!(arguments.deserialize::<Args<Value>>().unwrap().0, json!([1, "x", [2]]));
    assert!(arguments.deserialize::<Args<u8>>().is_err());

    let none = incoming(r#"["e"]"#, &[]);
    assert_eq!(none.deserialize::<Args>().unwrap(), Args(Vec::new()));
    none.deserialize::<Args<()>>().unwrap();
    assert_eq!(none.deserialize::<Args<(Option<u8>,)>>().unwrap(), Args((None,)));
    assert!(none.deserialize::<Args<(u8,)>>().is_err());
}

#[test]
fn any_keeps_what_it_reads() {
    let json = r#"["e",null,true,-1,18446744073709551615,1.5,"é\n",{"z":[{"_placeholder":true,"num":1}],"a":{},"z":0},{"_placeholder":true,"num":0}]"#;
    let arguments = incoming(json, &[&[], &[1, 2]]);
    let Args(all) = arguments.deserialize::<Args<Vec<Any>>>().unwrap();
    let object = vec![
        ("z".to_owned(), Any::Array(vec![binary(&[1, 2])])),
        ("a".to_owned(), Any::Object(Vec::new())),
        ("z".to_owned(), Any::Number(0.into())),
    ];
    let expected = vec![
        Any::Null,
        Any::Bool(true),
        Any::Number((-1).into()),
        Any::Number(u64::MAX.into()),
        Any::Number(Number::from_f64(1.5).unwrap()),
        "é\n".into(),
        Any::Object(object),
        binary(&[]),
    ];
    assert_eq!(all, expected);

    // In the order of the text, by which the sender numbers them.
    let encoded = Encoded::event("e", &Args(&all)).unwrap();
    let swapped = json.replacen(r#""num":1"#, r#""num":x"#, 1).replacen(r#""num":0"#, r#""num":1"#, 1);
    assert_eq!(str::from_utf8(&encoded.json).unwrap(), swapped.replacen(r#""num":x"#, r#""num":0"#, 1));
    assert_eq!(encoded.attachments, [Bytes::from_static(&[1, 2]), Bytes::new()]);
}

#[test]
fn any_stands_where_other_types_stand() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        inner: Option<Any>,
        kind: Kinds,
        missing: Option<Any>,
        values: Vec<Value>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    enum Kinds {
        One(Any),
        Pair(Any, u8),
    }
    let place = |number: usize| json!({ "_placeholder": true, "num": number });
    let read = |kind: Value| {
        let outer = json!(["e", { "inner": place(0), "kind": kind, "values": [place(1)] }]);
        incoming(&outer.to_string(), &[&[1], &[2, 3], &[4]]).deserialize::<Outer>().unwrap()
    };
    let expected =
        |kind| Outer { inner: Some(binary(&[1])), kind, missing: None, values: vec![json!([2, 3])] };
    assert_eq!(read(json!({ "One": [place(2)] })), expected(Kinds::One(Any::Array(vec![binary(&[4])]))));
    assert_eq!(read(json!({ "Pair": [place(2), 1] })), expected(Kinds::Pair(binary(&[4]), 1)));

    let arguments = incoming(r#"["e",{"_placeholder":true,"num":0}]"#, &[&[1]]);
    assert_eq!(arguments.deserialize::<Any>().unwrap(), binary(&[1]));
    assert_eq!(arguments.deserialize::<(Any, Any)>().unwrap(), (binary(&[1]), Any::Null));
    assert_eq!(arguments.deserialize_all::<Any>().unwrap(), Any::Array(vec![binary(&[1])]));
    assert_eq!(incoming(r#"["e"]"#, &[]).deserialize::<Any>().unwrap(), Any::Null);
}

#[test]
fn any_reads_plain_json_as_it_is() {
    // Without attachments the object is nothing but an object, as in JavaScript.
    let arguments = incoming(r#"["e",{"_placeholder":true,"num":0}]"#, &[]);
    let any = arguments.deserialize::<Any>().unwrap();
    assert_eq!(any, Any::from(json!({ "_placeholder": true, "num": 0 })));
    let value = json!([null, { "a": [1, -2, 2.5, "x", false] }]);
    assert_eq!(serde_json::from_value::<Any>(value.clone()).unwrap(), Any::from(value.clone()));
    assert_eq!(serde_json::to_value(Any::from(value.clone())).unwrap(), value);
    assert!(incoming(r#"["e",{"_placeholder":true,"num":1}]"#, &[&[1]]).deserialize::<Any>().is_err());
}

#[test]
fn any_gives_parts_of_itself() {
    let any = Any::Object(vec![
        ("a".into(), "first".into()),
        ("b".into(), Bytes::from_static(b"x").into()),
        ("a".into(), String::from("last").into()),
    ]);
    assert_eq!(any.get("a").and_then(Any::as_str), Some("last"));
    assert_eq!(any.get("b").and_then(Any::as_bytes), Some(&Bytes::from_static(b"x")));
    assert!(any.get("c").is_none() && any.as_str().is_none() && any.as_bytes().is_none());
    assert!(Any::Null.get("a").is_none());
}

#[test]
fn any_is_nested_no_deeper_than_json() {
    for (depth, fits) in [(126, true), (128, false), (100_000, false)] {
        for [open, close] in [["[", "]"], [r#"{"a":"#, "}"]] {
            let json = format!("[\"e\",{}null{}]", open.repeat(depth), close.repeat(depth));
            for attachments in [&[][..], &[&[1_u8][..]]] {
                let arguments = incoming(&json, attachments);
                assert_eq!(arguments.deserialize::<Any>().is_ok(), fits, "{depth} {open}");
                assert_eq!(arguments.deserialize::<Args<Vec<Any>>>().is_ok(), fits, "{depth} {open}");
            }
        }
    }
}

fn any_value() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        Just(Any::Null),
        any::<bool>().prop_map(Any::Bool),
        any::<u64>().prop_map(|number| Any::Number(number.into())),
        any::<i64>().prop_map(|number| Any::Number(number.into())),
        // Not whole: a msgpack peer writes whole floats as integers, because JavaScript has one kind of number.
        any::<f64>().prop_filter_map("no fraction", |number| {
            (number.fract() != 0.0).then(|| Number::from_f64(number).map(Any::Number)).flatten()
        }),
        any::<String>().prop_map(Any::String),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Any::Binary(bytes.into())),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Any::Array),
            proptest::collection::vec((any::<String>(), inner), 0..8).prop_map(Any::Object),
        ]
    })
}

fn relay(parser: &Parser, kind: Kind, encoded: &Encoded) -> Encoded {
    let mut limits = Limits::default();
    limits.max_attachments = 1000;
    let mut decoder = Decoder::new(parser);
    let packet = OutPacket {
        kind,
        namespace: "/",
        id: None,
        json: Some(str::from_utf8(&encoded.json).unwrap()),
        attachments: &encoded.attachments,
    };
    for message in parser.encode(&packet).unwrap() {
        let packet = match &message {
            Message::Text(text) => decoder.text(text, &limits).unwrap(),
            Message::Binary(binary) => decoder.binary(binary, &limits).unwrap(),
        };
        match packet {
            Some(packet) if kind == Kind::Event => {
                let arguments = Arguments::event(&packet).unwrap();
                let all = arguments.deserialize::<Args<Vec<Any>>>().unwrap();
                return Encoded::event(arguments.name(), &all).unwrap();
            }
            Some(packet) => {
                let all = Arguments::ack(&packet).unwrap().deserialize::<Args<Vec<Any>>>().unwrap();
                return Encoded::arguments(&all).unwrap();
            }
            None => {}
        }
    }
    unreachable!("the last message completes the packet")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_can_be_relayed_unchanged(all in proptest::collection::vec(any_value(), 0..5)) {
        let event = Encoded::event("e", &Args(&all)).unwrap();
        let ack = Encoded::arguments(&Args(&all)).unwrap();
        let read = Arguments::from_encoded("e", &event).deserialize::<Args<Vec<Any>>>().unwrap();
        prop_assert_eq!(&read.0, &all);
        for parser in [
            Parser::Json,
            #[cfg(feature = "msgpack")]
            Parser::MsgPack,
        ] {
            prop_assert_eq!(&relay(&parser, Kind::Event, &event), &event);
            prop_assert_eq!(&relay(&parser, Kind::Ack, &ack), &ack);
        }
    }
}

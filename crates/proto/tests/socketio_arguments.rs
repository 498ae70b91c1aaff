//! Reading arguments into types and writing them: the shape rule, missing arguments, binary values.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use tower_socketio_proto::socketio::{
    Arguments, ArgumentsError, Data, DecodeError, EncodeError, Encoded, Kind, Packet, write_arguments,
    write_event,
};

fn packet<'a>(kind: Kind, json: &'a str, attachments: &[&'static [u8]]) -> Packet<'a> {
    let attachments = attachments.iter().copied().map(Bytes::from_static).collect();
    Packet { kind, namespace: "/", query: None, id: None, data: Data::Json(json), attachments }
}

fn event(json: &str) -> Arguments {
    Arguments::event(&packet(Kind::Event, json, &[])).unwrap()
}

fn binary(json: &str, attachments: &[&'static [u8]]) -> Arguments {
    Arguments::event(&packet(Kind::Event, json, attachments)).unwrap()
}

fn ack(json: &str) -> Arguments {
    Arguments::ack(&packet(Kind::Ack, json, &[])).unwrap()
}

fn written<T: Serialize + ?Sized>(data: &T) -> String {
    let Encoded { json, attachments } = Encoded::event("e", data).unwrap();
    assert_eq!(attachments.capacity(), 0);
    let arguments = Encoded::arguments(data).unwrap();
    let (json, arguments) = (String::from_utf8(json).unwrap(), String::from_utf8(arguments.json).unwrap());
    let same = json.replacen(r#""e""#, "", 1).replacen("[,", "[", 1);
    assert_eq!(arguments, same);
    json
}

#[test]
fn a_tuple_is_the_list_and_anything_else_one_argument() {
    #[derive(Serialize)]
    struct Pair(u8, u8);
    #[derive(Serialize)]
    struct Unit;

    assert_eq!(written(&()), r#"["e"]"#);
    assert_eq!(written(&&()), r#"["e"]"#);
    assert_eq!(written(&(1,)), r#"["e",1]"#);
    assert_eq!(written(&(1, "x", [3])), r#"["e",1,"x",[3]]"#);
    assert_eq!(written(&&(1, ())), r#"["e",1,null]"#);
    assert_eq!(written(&((),)), r#"["e",null]"#);
    assert_eq!(written(&((1, 2),)), r#"["e",[1,2]]"#);
    assert_eq!(written("x"), r#"["e","x"]"#);
    assert_eq!(written(&[1, 2]), r#"["e",[1,2]]"#);
    assert_eq!(written(&[1, 2][..]), r#"["e",[1,2]]"#);
    assert_eq!(written(&vec![(1, 2)]), r#"["e",[[1,2]]]"#);
    assert_eq!(written(&Pair(1, 2)), r#"["e",[1,2]]"#);
    assert_eq!(written(&Unit), r#"["e",null]"#);
    assert_eq!(written(&None::<(u8, u8)>), r#"["e",null]"#);
    assert_eq!(written(&json!({"a": [1]})), r#"["e",{"a":[1]}]"#);
    assert_eq!(written(&(f64::NAN, f64::INFINITY)), r#"["e",null,null]"#);
}

#[test]
fn names_are_escaped() {
    let mut out = Vec::new();
    write_event(&mut out, "a\"\\\n€", &1).unwrap();
    assert_eq!(str::from_utf8(&out).unwrap(), r#"["a\"\\\n€",1]"#);
}

#[test]
fn bytes_become_attachments_wherever_they_stand() {
    #[derive(Serialize)]
    struct Upload {
        name: &'static str,
        bytes: Bytes,
        parts: Vec<Option<Bytes>>,
    }
    let upload = Upload { name: "x", bytes: Bytes::from_static(&[1]), parts: vec![None, Some(Bytes::new())] };
    let mut out = b"2".to_vec();
    let attachments = write_event(&mut out, "up", &(upload, Bytes::from_static(&[2]))).unwrap();
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        concat!(
            r#"2["up",{"name":"x","bytes":{"_placeholder":true,"num":0},"#,
            r#""parts":[null,{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":2}]"#
        )
    );
    assert_eq!(attachments, [Bytes::from_static(&[1]), Bytes::new(), Bytes::from_static(&[2])]);
}

#[test]
fn what_cannot_be_written_leaves_the_buffer_as_it_was() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("no")
        }
    }
    let mut out = b"before".to_vec();
    assert!(matches!(write_event(&mut out, "e", &(1, Fails)), Err(EncodeError::Serialize(_))));
    assert!(write_event(&mut out, "e", &BTreeMap::from([((), 1)])).is_err());
    assert!(write_arguments(&mut out, &Fails).is_err());
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        assert!(matches!(write_event(&mut out, name, &()), Err(EncodeError::ReservedName)));
    }
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = write_event(&mut out, "e", &(1, Panics));
    }));
    assert!(panicked.is_err());
    assert_eq!(out, b"before");
}

#[test]
fn one_argument_or_a_tuple_is_read() {
    let arguments = event(r#"["e", "x" , 2.5,[1]]"#);
    assert_eq!(arguments.name(), "e");
    assert_eq!(arguments.len(), 3);
    assert!(!arguments.is_empty());
    assert_eq!(arguments.deserialize::<String>().unwrap(), "x");
    assert_eq!(arguments.deserialize::<(String,)>().unwrap(), ("x".into(),));
    assert_eq!(arguments.deserialize::<(String, f64)>().unwrap(), ("x".into(), 2.5));
    assert_eq!(arguments.deserialize::<(String, f64, Vec<u8>)>().unwrap(), ("x".into(), 2.5, vec![1]));
    arguments.deserialize::<()>().unwrap();
    assert_eq!(
        arguments.deserialize_all::<Vec<Value>>().unwrap(),
        json!(["x", 2.5, [1]]).as_array().unwrap().clone()
    );
    assert_eq!(event(r#"["e",[1,2]]"#).deserialize::<[u8; 2]>().unwrap(), [1, 2]);
    assert_eq!(ack("[1,2]").deserialize::<(u8, u8)>().unwrap(), (1, 2));
    assert_eq!(ack(" [ ] ".trim()).len(), 0);
    assert_eq!(ack("[[1,2]]").deserialize::<(Vec<u8>,)>().unwrap(), (vec![1, 2],));
}

#[test]
fn missing_arguments_are_absent() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapper(Option<u8>);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Unit;

    let none = event(r#"["e"]"#);
    assert!(none.is_empty());
    assert_eq!(none.deserialize::<Option<String>>().unwrap(), None);
    assert_eq!(none.deserialize::<(Option<u8>, Value)>().unwrap(), (None, Value::Null));
    assert_eq!(none.deserialize::<Wrapper>().unwrap(), Wrapper(None));
    assert_eq!(none.deserialize::<Unit>().unwrap(), Unit);
    assert_eq!(none.deserialize::<((), Unit)>().unwrap(), ((), Unit));
    none.deserialize::<IgnoredAny>().unwrap();
    assert!(matches!(none.deserialize::<String>(), Err(ArgumentsError::Missing(1))));
    assert!(matches!(none.deserialize::<Vec<u8>>(), Err(ArgumentsError::Missing(1))));
    assert!(matches!(none.deserialize::<HashMap<String, u8>>(), Err(ArgumentsError::Missing(1))));
    assert_eq!(none.deserialize_all::<Vec<Value>>().unwrap(), Vec::<Value>::new());

    let one = event(r#"["e",1.5]"#);
    assert_eq!(one.deserialize::<(f64, Option<String>)>().unwrap(), (1.5, None));
    assert_eq!(one.deserialize_all::<(f64, Option<String>)>().unwrap(), (1.5, None));
    let missing = one.deserialize::<(f64, f64)>().unwrap_err();
    assert!(matches!(missing, ArgumentsError::Missing(2)));
    assert_eq!(missing.to_string(), "missing argument 2");
    assert_eq!(event(r#"["e",null]"#).deserialize::<Option<u8>>().unwrap(), None);

    let no_payload = Packet { data: Data::None, ..packet(Kind::Ack, "", &[]) };
    assert!(Arguments::ack(&no_payload).unwrap().is_empty());
    assert!(matches!(Arguments::event(&no_payload), Err(DecodeError::InvalidPayload)));
}

#[test]
fn what_is_not_there_as_json_is_an_error() {
    let broken = |json: &str| {
        let arguments = event(json);
        assert!(matches!(arguments.deserialize::<u8>(), Err(ArgumentsError::Deserialize(_))), "{json}");
        assert!(matches!(arguments.deserialize::<(u8,)>(), Err(ArgumentsError::Deserialize(_))), "{json}");
        assert!(
            matches!(arguments.deserialize_all::<Vec<u8>>(), Err(ArgumentsError::Deserialize(_))),
            "{json}"
        );
        assert!(arguments.to_json().is_err(), "{json}");
        assert!(arguments.to_encoded().is_err(), "{json}");
        arguments.len()
    };
    assert_eq!(broken(r#"["e",1 2]"#), 1);
    assert_eq!(broken(r#"["e",1,]"#), 1);
    assert_eq!(broken(r#"["e",1],[]"#), 1);
    assert_eq!(broken(r#"["e",1]]"#), 1);
    assert_eq!(broken(r#"["e",x]"#), 0);
    assert_eq!(broken(r#"["e",1,"\u12"]"#), 1);
    assert!(event(r#"["e","\ud800"]"#).deserialize::<String>().is_err());
    assert!(event(r#"["e",300]"#).deserialize::<u8>().is_err());
    assert!(event(r#"["e","x"]"#).deserialize::<u8>().is_err());
    assert!(matches!(Arguments::ack(&packet(Kind::Ack, "[1,2", &[])), Err(DecodeError::InvalidPayload)));
}

#[test]
fn names_are_found_whatever_they_look_like() {
    for (json, name) in [
        (r#"["e"]"#, "e"),
        (r#"[""]"#, ""),
        (r#"[ "e" ,1]"#, "e"),
        (r#"["a\"b",1]"#, "a\"b"),
        (r#"["\u00e9\n",1]"#, "é\n"),
        (r#"["é😀",1]"#, "é😀"),
        (r#"["error",1]"#, "error"),
        ("[1]", "1"),
        ("[ -5 ,1]", "-5"),
        ("[1.5,1]", "1.5"),
        ("[1.0]", "1"),
        ("[18446744073709551615]", "18446744073709551615"),
    ] {
        let arguments = event(json);
        assert_eq!(arguments.name(), name, "{json}");
        let count = json.matches(",1]").count();
        assert_eq!((arguments.len(), arguments.is_empty()), (count, count == 0), "{json}");
        if count == 1 {
            assert_eq!(arguments.deserialize::<u8>().unwrap(), 1, "{json}");
            assert_eq!(arguments.deserialize::<(u8, Option<u8>)>().unwrap(), (1, None), "{json}");
            assert_eq!(arguments.to_json().unwrap(), "[1]", "{json}");
        }
    }
}

#[test]
fn events_without_a_proper_name_are_refused() {
    let refused = |json: &str| Arguments::event(&packet(Kind::Event, json, &[])).unwrap_err();
    for json in ["[]", "[ ]", "[null]", "[{}]", "[[]]", "[true]", "[-]", "[1x]", r#"["\x"]"#, "[,]"] {
        assert!(matches!(refused(json), DecodeError::InvalidName), "{json}: {:?}", refused(json));
    }
    for json in ["", "[", "]", "{}", "x", r#"["e"#, r#"["e]"#, r#"["e"]]"#, r#"["e",]"#, r#"["e" 1]"#, "{]"] {
        assert!(matches!(refused(json), DecodeError::InvalidPayload), "{json}: {:?}", refused(json));
    }
    for json in [r#"["connect"]"#, r#"["disconnect",1]"#, r#"["\u0063onnect_error"]"#, r#"["newListener"]"#] {
        assert!(matches!(refused(json), DecodeError::ReservedName), "{json}");
    }
}

#[test]
fn a_renamed_event_keeps_its_arguments() {
    let mut arguments = event(r#"["old",1,2]"#);
    let before = arguments.clone();
    arguments.set_name("new\"");
    assert_eq!((arguments.name(), before.name()), ("new\"", "old"));
    assert_eq!(arguments.deserialize::<(u8, u8)>().unwrap(), (1, 2));
    assert_eq!(arguments.to_json().unwrap(), "[1,2]");
    assert_eq!(arguments.to_encoded().unwrap().json, br#"["new\"",1,2]"#);
    assert_eq!(before.to_encoded().unwrap().json, br#"["old",1,2]"#);
    let mut empty = event(r#"["old"]"#);
    empty.set_name("x");
    assert_eq!(empty.to_encoded().unwrap().json, br#"["x"]"#);
}

#[test]
fn outgoing_arguments_can_come_in_again() {
    let encoded = Encoded::event("e", &(1, Bytes::from_static(&[7]))).unwrap();
    let arguments = Arguments::from_encoded("e", &encoded);
    assert_eq!((arguments.name(), arguments.len()), ("e", 2));
    assert_eq!(arguments.deserialize::<(u8, Bytes)>().unwrap(), (1, Bytes::from_static(&[7])));
    assert_eq!(arguments.to_encoded().unwrap(), encoded);
    assert_eq!(arguments.wire_len(), encoded.json.len() + 1);

    let ack = Arguments::from_encoded("", &Encoded::arguments(&("x", 2)).unwrap());
    assert_eq!((ack.name(), ack.len()), ("", 2));
    assert_eq!(ack.deserialize::<(String, u8)>().unwrap(), ("x".into(), 2));
    assert_eq!(ack.to_json().unwrap(), r#"["x",2]"#);

    for json in [&b"\xff"[..], b"", b"[", b"{}", b"[]", b"x"] {
        let nothing = Arguments::from_encoded("e", &Encoded { json: json.to_vec(), attachments: Vec::new() });
        assert!(nothing.is_empty());
        assert!(nothing.deserialize::<u8>().is_err());
        nothing.deserialize_all::<Vec<Value>>().unwrap();
    }
}

#[test]
fn clients_authenticate_with_an_object() {
    #[derive(Deserialize)]
    struct Login {
        token: String,
    }
    let auth = |json| Arguments::auth(&packet(Kind::Connect, json, &[]));
    let login = auth(r#"{"token":"secret"}"#).unwrap().unwrap();
    assert_eq!(login.deserialize::<Login>().unwrap().token, "secret");
    assert_eq!(login.to_json().unwrap(), r#"[{"token":"secret"}]"#);
    assert!(!format!("{login:?}").contains("secret"));
    assert!(
        Arguments::auth(&Packet { data: Data::None, ..packet(Kind::Connect, "", &[]) }).unwrap().is_none()
    );
    for json in ["[]", "1", r#"{"a":1},{"b":2}"#, r#"{"a":1]}"#, "{", r#"{"a":}"#] {
        assert!(matches!(auth(json), Err(DecodeError::InvalidPayload)), "{json}");
    }
}

#[test]
fn attachments_are_read_where_bytes_are_wanted() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Upload {
        name: String,
        bytes: Bytes,
        more: Option<Bytes>,
        map: HashMap<u32, Newtype>,
        kind: Kinds,
        #[serde(flatten)]
        rest: Rest,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Newtype(Bytes);
    #[derive(Debug, PartialEq, Deserialize)]
    enum Kinds {
        Raw(Bytes),
        Pair(Bytes, u8),
        Named { bytes: Bytes },
        Plain,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Rest {
        flat: Bytes,
        either: Either,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Bytes(Bytes),
    }
    let place = |number: usize| json!({ "_placeholder": true, "num": number });
    let upload = |kind: Value| {
        let value = json!(["e", {
            "name": "x", "bytes": place(1), "more": place(0), "map": { "7": place(2) }, "kind": kind,
            "flat": place(4), "either": place(5),
        }]);
        let arguments = binary(&value.to_string(), &[&[0], &[1, 1], &[2], &[3], &[4], &[5]]);
        let first = arguments.deserialize::<Upload>().unwrap();
        // Reading does not consume.
        assert_eq!(first, arguments.clone().deserialize::<Upload>().unwrap());
        first
    };
    let expected = |kind| Upload {
        name: "x".into(),
        bytes: Bytes::from_static(&[1, 1]),
        more: Some(Bytes::from_static(&[0])),
        map: HashMap::from([(7, Newtype(Bytes::from_static(&[2])))]),
        kind,
        rest: Rest { flat: Bytes::from_static(&[4]), either: Either::Bytes(Bytes::from_static(&[5])) },
    };
    let three = Bytes::from_static(&[3]);
    assert_eq!(upload(json!({ "Raw": place(3) })), expected(Kinds::Raw(three.clone())));
    assert_eq!(upload(json!({ "Pair": [place(3), 5] })), expected(Kinds::Pair(three.clone(), 5)));
    assert_eq!(upload(json!({ "Named": { "bytes": place(3) } })), expected(Kinds::Named { bytes: three }));
    assert_eq!(upload(json!("Plain")), expected(Kinds::Plain));
}

#[test]
fn attachments_are_numbers_where_anything_is_wanted() {
    let json = r#"["e",1,"2",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1},"swag"]]"#;
    let arguments = binary(json, &[&[3, 4], &[5]]);
    assert_eq!(
        arguments.deserialize_all::<Vec<Value>>().unwrap(),
        json!([1, "2", [3, 4], [[5], "swag"]]).as_array().unwrap().clone()
    );
    let (.., bytes, _) = arguments.deserialize::<(u8, String, Vec<u8>, IgnoredAny)>().unwrap();
    assert_eq!(bytes, [3, 4]);
    let (.., bytes) = arguments.deserialize::<(u8, String, [u8; 2])>().unwrap();
    assert_eq!(bytes, [3, 4]);
    assert!(arguments.deserialize::<(u8, String, [u8; 1])>().is_err());
    assert_eq!(arguments.attachments().len(), 2);
    assert_eq!(arguments.wire_len(), json.len() + 3);
    assert_eq!(arguments.to_json().unwrap(), format!("[{}", &json[5..]));
}

#[test]
fn bytes_are_read_from_text_and_arrays_as_serde_does() {
    for attachments in [&[][..], &[&[0_u8][..]]] {
        let arguments = binary(r#"["e","aé\n",[1,2],"plain"]"#, attachments);
        let (text, list, plain) = arguments.deserialize::<(Bytes, Bytes, Bytes)>().unwrap();
        assert_eq!((&text[..], &list[..], &plain[..]), ("aé\n".as_bytes(), &[1, 2][..], &b"plain"[..]));
    }
}

#[test]
fn placeholders_that_refer_to_nothing_are_errors() {
    for json in [
        r#"["e",{"_placeholder":true,"num":1}]"#,
        r#"["e",{"_placeholder":true,"num":-1}]"#,
        r#"["e",{"_placeholder":true,"num":"splice"}]"#,
        r#"["e",{"_placeholder":true,"num":0.5}]"#,
        r#"["e",{"_placeholder":true}]"#,
        r#"["e",{"_placeholder":false,"num":0}]"#,
        r#"["e",{"_placeholder":true,"num":1e400}]"#,
        r#"["e",{"num":0}]"#,
        r#"["e",{}]"#,
    ] {
        assert!(binary(json, &[&[1]]).deserialize::<Bytes>().is_err(), "{json}");
        assert!(binary(json, &[&[1]]).deserialize::<Vec<u8>>().is_err(), "{json}");
    }
    // Without attachments the object is nothing but an object, as in JavaScript.
    let arguments = event(r#"["e",{"_placeholder":true,"num":0}]"#);
    assert!(arguments.deserialize::<Bytes>().is_err());
    assert_eq!(arguments.deserialize::<Value>().unwrap(), json!({ "_placeholder": true, "num": 0 }));
}

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, value::RawValue};

use super::{
    Writer,
    scan::{any_special, is_special, specials},
    write_string,
};

fn written<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = b"before".to_vec();
    let mut attachments = Vec::new();
    value.serialize(&mut Writer::new(&mut out, &mut attachments))?;
    assert!(attachments.is_empty());
    let text = String::from_utf8(out).unwrap();
    Ok(text.strip_prefix("before").unwrap().to_owned())
}

/// Checks that a value is written, or refused, as serde_json does.
#[track_caller]
fn check<T: Serialize + ?Sized>(value: &T) {
    match (written(value), serde_json::to_string(value)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
        (Err(ours), Err(theirs)) => {
            assert_eq!(ours.to_string(), theirs.to_string());
            assert_eq!(ours.classify(), theirs.classify());
        }
        (ours, theirs) => panic!("{ours:?} instead of {theirs:?}"),
    }
}

#[derive(Clone, Debug, Serialize)]
struct Unit;
#[derive(Clone, Debug, Serialize)]
struct Newtype(String);
#[derive(Clone, Debug, Serialize)]
struct Pair(i8, Option<char>);
#[derive(Clone, Debug, Serialize)]
struct Empty {}

#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Plain,
    #[serde(rename = "q\"uote")]
    Quote,
}

#[derive(Clone, Debug, Serialize)]
enum Choice {
    Unit,
    Newtype(Vec<u16>),
    Tuple(bool, Newtype),
    #[serde(rename = "st\nruct")]
    Struct {
        #[serde(rename = "\\")]
        backslash: f32,
        empty: Empty,
    },
    NoFields {},
}

#[derive(Clone, Debug, Serialize)]
struct Zoo {
    integers: (i16, i32, i64, i128, u8, u16, u32, u64, u128),
    floats: Vec<(f32, f64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<Pair>,
    unit: Unit,
    nothing: (),
    newtype: Newtype,
    choices: Vec<Choice>,
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<i64, bool>,
    keys: BTreeMap<Key, char>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(texts(), inner, 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Any text, and text in which few characters have to be escaped.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~\u{7f}é€\u{1f600}\n]{0,100}", "[a-z]{0,100}"]
}

fn choices() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Unit),
        any::<Vec<u16>>().prop_map(Choice::Newtype),
        (any::<bool>(), texts()).prop_map(|(flag, text)| Choice::Tuple(flag, Newtype(text))),
        any::<f32>().prop_map(|backslash| Choice::Struct { backslash, empty: Empty {} }),
        Just(Choice::NoFields {}),
    ]
}

fn zoos() -> impl Strategy<Value = Zoo> {
    let integers = any::<(i16, i32, i64, i128, u8, u16, u32, u64, u128)>();
    let floats = any::<Vec<(f32, f64)>>();
    let pair = any::<Option<(i8, Option<char>)>>();
    let keys =
        proptest::collection::btree_map(prop_oneof![Just(Key::Plain), Just(Key::Quote)], any::<char>(), 0..3);
    let maps = (
        proptest::collection::btree_map(texts(), texts(), 0..4),
        any::<BTreeMap<i64, bool>>(),
        keys,
        proptest::collection::btree_map(texts(), values(), 0..4),
    );
    (integers, floats, pair, texts(), proptest::collection::vec(choices(), 0..6), maps).prop_map(
        |(integers, floats, pair, text, choices, (texts, numbers, keys, more))| Zoo {
            integers,
            floats,
            pair: pair.map(|(number, character)| Pair(number, character)),
            unit: Unit,
            nothing: (),
            newtype: Newtype(text),
            choices,
            texts,
            numbers,
            keys,
            more,
        },
    )
}

proptest! {
    #[test]
    fn any_value_is_written_as_serde_json_does(value in values()) {
        check(&value);
    }

    #[test]
    fn any_type_is_written_as_serde_json_does(zoo in zoos()) {
        check(&zoo);
    }

    #[test]
    fn any_text_is_written_as_serde_json_does(text in texts()) {
        check(&text);
        check(&format_args!("{text:?} and {text}"));
    }
}

#[test]
fn a_special_byte_is_found_wherever_it_stands() {
    for length in 0..100 {
        let clean = "x".repeat(length);
        check(&clean);
        for special in
            ['"', '\\', '\0', '\x08', '\t', '\n', '\x0c', '\r', '\x1f', ' ', '!', '#', '[', ']', '\x7f']
        {
            for at in 0..length {
                let mut text = clean.clone();
                text.replace_range(at..=at, special.encode_utf8(&mut [0; 4]));
                check(&text);
                // A second one, right behind it and at the end.
                text.push(special);
                text.insert(at, special);
                check(&text);
            }
        }
    }
}

#[test]
fn characters_beyond_ascii_are_not_special() {
    let text: String = ('\u{80}'..='\u{fff}').chain(['\u{2028}', '\u{ffff}', '\u{10ffff}']).collect();
    assert_eq!(written(&text).unwrap(), format!("\"{text}\""));
    check(&text);
}

#[test]
fn each_byte_is_special_in_a_word_and_in_a_block_or_in_neither() {
    for byte in 0..=u8::MAX {
        let expected = byte < 0x20 || byte == b'"' || byte == b'\\';
        assert_eq!(is_special(byte), expected, "{byte}");
        for others in [b'x', 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff] {
            for at in 0..32 {
                let mut block = [others; 32];
                block[at] = byte;
                assert_eq!(any_special(&block), expected, "{byte} among {others}");
                let word = u64::from_le_bytes(*block[at / 8 * 8..].first_chunk().unwrap());
                assert_eq!(
                    specials(word).trailing_zeros() as usize / 8,
                    if expected { at % 8 } else { 8 },
                    "{byte} among {others}"
                );
            }
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_null() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, f64::MIN_POSITIVE] {
        check(&value);
    }
    check(&[f32::NAN, f32::INFINITY, f32::MAX, f32::EPSILON, -0.0]);
    check(&(i128::MIN, i128::MAX, u128::MAX));
}

#[test]
fn json_that_is_there_already_is_taken_as_it_is() {
    let raw = RawValue::from_string(r#"{ "a" : [1.50, "\u0078"] }"#.to_owned()).unwrap();
    assert_eq!(written(&[&raw]).unwrap(), r#"[{ "a" : [1.50, "\u0078"] }]"#);
    check(&(1, &raw, BTreeMap::from([("key", &raw)])));
}

#[test]
fn what_is_no_key_for_serde_json_is_none_here() {
    struct Entries<K>(K);

    impl<K: Serialize> Serialize for Entries<K> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry(&self.0, &1)?;
            map.serialize_key(&self.0)?;
            map.serialize_value(&[2])?;
            map.end()
        }
    }

    check(&Entries("text\n"));
    check(&Entries('"'));
    check(&Entries(true));
    check(&Entries((1_i8, 2_u8).0));
    check(&Entries(u128::MAX));
    check(&Entries(1.5));
    check(&Entries(f32::NAN));
    check(&Entries(f64::INFINITY));
    check(&Entries(Newtype("inside".to_owned())));
    check(&Entries(Some(Key::Quote)));
    check(&Entries(Option::<u8>::None));
    check(&Entries(()));
    check(&Entries(Unit));
    check(&Entries([1, 2]));
    check(&Entries(Pair(1, Some('x'))));
    check(&Entries(Choice::Newtype(Vec::new())));
    check(&Entries(Choice::NoFields {}));
    check(&Entries(Empty {}));
    check(&Entries(BTreeMap::from([(1, 2)])));
    check(&Entries(serde_bytes(b"bytes")));
}

/// What serialises as bytes.
fn serde_bytes(bytes: &'static [u8]) -> bytes::Bytes {
    bytes::Bytes::from_static(bytes)
}

#[test]
fn bytes_are_kept_aside_and_counted() {
    let mut out = Vec::new();
    let mut attachments = vec![serde_bytes(b"first")];
    let value = (serde_bytes(b"second"), BTreeMap::from([("b", serde_bytes(b""))]));
    value.serialize(&mut Writer::new(&mut out, &mut attachments)).unwrap();
    let json = r#"[{"_placeholder":true,"num":1},{"b":{"_placeholder":true,"num":2}}]"#;
    assert_eq!(String::from_utf8(out).unwrap(), json);
    assert_eq!(attachments, [&b"first"[..], b"second", b""]);
}

#[test]
fn errors_of_a_type_keep_their_text() {
    struct Refuses;

    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it's a secret"))
        }
    }

    check(&Refuses);
    check(&(1, [Some(Refuses)]));
    assert_eq!(written(&Refuses).unwrap_err().to_string(), "it's a secret");
}

#[test]
fn what_cannot_be_shown_is_an_error() {
    struct Fails;

    impl std::fmt::Display for Fails {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }

    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    assert!(written(&Fails).is_err());
}

#[test]
fn a_name_is_escaped() {
    let mut out = Vec::new();
    write_string(&mut out, "a\"b");
    assert_eq!(out, br#""a\"b""#);
}

//! What one side writes, the other reads, through every parser.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};
use tower_socketio_proto::socketio::{Arguments, Decoder, Encoded, Kind, Limits, Message, OutPacket, Parser};

/// JSON with binary values anywhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Tree {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    Bytes(Bytes),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
}

/// Reads by the shape of a tree, because JSON alone does not tell bytes from a list.
struct Like<'a>(&'a Tree);

impl<'de> serde::de::DeserializeSeed<'de> for Like<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Ok(match self.0 {
            Tree::Null => {
                <()>::deserialize(deserializer)?;
                Tree::Null
            }
            Tree::Bool(_) => Tree::Bool(bool::deserialize(deserializer)?),
            Tree::Unsigned(_) => Tree::Unsigned(u64::deserialize(deserializer)?),
            Tree::Negative(_) => Tree::Negative(i64::deserialize(deserializer)?),
            Tree::Float(_) => Tree::Float(f64::deserialize(deserializer)?),
            Tree::Text(_) => Tree::Text(String::deserialize(deserializer)?),
            Tree::Bytes(_) => Tree::Bytes(Bytes::deserialize(deserializer)?),
            Tree::List(_) | Tree::Map(_) => deserializer.deserialize_any(self)?,
        })
    }
}

impl<'de> serde::de::Visitor<'de> for Like<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let Tree::List(list) = self.0 else { return Err(serde::de::Error::custom("a list")) };
        let mut elements = Vec::new();
        for element in list {
            elements.extend(seq.next_element_seed(Like(element))?);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let Tree::Map(like) = self.0 else { return Err(serde::de::Error::custom("a map")) };
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Like(&like[&key]))?;
            entries.insert(key, value);
        }
        Ok(Tree::Map(entries))
    }
}

thread_local! {
    static EXPECTED: std::cell::RefCell<Option<Tree>> = const { std::cell::RefCell::new(None) };
}

/// A type that reads like the tree of the thread.
#[derive(Debug)]
struct Expected(Tree);

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = EXPECTED.with_borrow(|tree| tree.clone()).unwrap();
        serde::de::DeserializeSeed::deserialize(Like(&expected), deserializer).map(Self)
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        prop_oneof![any::<u64>(), 0..300_u64, 65_000..70_000_u64].prop_map(Tree::Unsigned),
        prop_oneof![i64::MIN..0, -300..0_i64, -70_000..-30_000_i64].prop_map(Tree::Negative),
        any::<f64>().prop_filter("JSON has no such number", |float| float.is_finite()).prop_map(Tree::Float),
        any::<String>().prop_map(Tree::Text),
        "[a-z]{28,40}".prop_map(Tree::Text),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Tree::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(6, 100, 20, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Tree::List),
            proptest::collection::btree_map(any::<String>(), inner, 0..20).prop_map(Tree::Map),
        ]
    })
}

fn receive(parser: &Parser, packet: &OutPacket<'_>) -> Arguments {
    let mut limits = Limits::default();
    limits.max_attachments = 1000;
    let mut decoder = Decoder::new(parser);
    let messages = parser.encode(packet).unwrap();
    let last = messages.len() - 1;
    for (index, message) in messages.iter().enumerate() {
        let received = match message {
            Message::Text(text) => decoder.text(text, &limits).unwrap(),
            Message::Binary(binary) => decoder.binary(binary, &limits).unwrap(),
        };
        assert_eq!(received.is_some(), index == last);
        if let Some(received) = received {
            assert_eq!(
                (received.kind, received.namespace, received.id),
                (packet.kind, packet.namespace, packet.id)
            );
            return match received.kind {
                Kind::Event => Arguments::event(&received).unwrap(),
                _ => Arguments::ack(&received).unwrap(),
            };
        }
    }
    unreachable!("the last message completes the packet")
}

fn parsers() -> Vec<Parser> {
    vec![
        Parser::Json,
        #[cfg(feature = "msgpack")]
        Parser::MsgPack,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_and_acknowledgements_arrive_as_they_were_sent(
        tree in tree(),
        name in any::<String>().prop_filter("reserved", |name| Encoded::event(name, &()).is_ok()),
        namespace in "/[a-zé]{0,5}",
        id in any::<Option<u64>>(),
    ) {
        let event = Encoded::event(&name, &(1, &tree, "end")).unwrap();
        let ack = Encoded::arguments(&(1, &tree, "end")).unwrap();
        EXPECTED.set(Some(tree.clone()));
        for parser in parsers() {
            for (kind, encoded) in [(Kind::Event, &event), (Kind::Ack, &ack)] {
                let packet = OutPacket {
                    kind,
                    namespace: &namespace,
                    id,
                    json: Some(str::from_utf8(&encoded.json).unwrap()),
                    attachments: &encoded.attachments,
                };
                let arguments = receive(&parser, &packet);
                prop_assert_eq!(arguments.name(), if kind == Kind::Event { &name } else { "" });
                prop_assert_eq!(arguments.len(), 3);
                prop_assert_eq!(arguments.attachments(), &encoded.attachments[..]);
                let (one, read, end) = arguments.deserialize::<(u8, Expected, String)>().unwrap();
                prop_assert_eq!((one, &read.0, &*end), (1, &tree, "end"));
            }
        }
    }

    #[test]
    fn one_argument_arrives_as_it_was_sent(tree in tree()) {
        let encoded = Encoded::event("e", &tree).unwrap();
        EXPECTED.set(Some(tree.clone()));
        for parser in parsers() {
            let packet = OutPacket {
                kind: Kind::Event,
                namespace: "/",
                id: None,
                json: Some(str::from_utf8(&encoded.json).unwrap()),
                attachments: &encoded.attachments,
            };
            let arguments = receive(&parser, &packet);
            prop_assert_eq!(&arguments.deserialize::<Expected>().unwrap().0, &tree);
            prop_assert_eq!(arguments.to_encoded().unwrap().attachments, &encoded.attachments[..]);
        }
    }
}

//! What is on the wire, as any node may have written it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// The kinds of requests and answers.
pub(super) mod kind {
    pub(crate) const SOCKETS: u64 = 0;
    pub(crate) const ALL_ROOMS: u64 = 1;
    pub(crate) const REMOTE_JOIN: u64 = 2;
    pub(crate) const REMOTE_LEAVE: u64 = 3;
    pub(crate) const REMOTE_DISCONNECT: u64 = 4;
    pub(crate) const REMOTE_FETCH: u64 = 5;
    pub(crate) const SERVER_SIDE_EMIT: u64 = 6;
    pub(crate) const BROADCAST: u64 = 7;
    pub(crate) const BROADCAST_CLIENT_COUNT: u64 = 8;
    pub(crate) const BROADCAST_ACK: u64 = 9;
    /// Ours alone: Node passes it over.
    pub(crate) const CLIENT_LOST: u64 = 100;
}

#[derive(Deserialize)]
pub(super) struct Request<'a> {
    pub(super) r#type: u64,
    #[serde(borrow)]
    pub(super) uid: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "requestId")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) opts: Option<Opts<'a>>,
    pub(super) rooms: Option<Vec<Name>>,
    pub(super) close: Option<bool>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) packet: Option<Packet<'a>>,
    #[serde(borrow)]
    pub(super) sid: Option<Cow<'a, str>>,
    pub(super) room: Option<Name>,
}

#[derive(Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow, rename = "requestId")]
    pub(super) id: Cow<'a, str>,
    pub(super) r#type: Option<u64>,
    #[serde(borrow)]
    pub(super) sockets: Option<&'a RawValue>,
    #[serde(rename = "clientCount")]
    pub(super) clients: Option<u64>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    pub(super) packet: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Packet<'a> {
    pub(super) r#type: u64,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
    #[serde(borrow)]
    pub(super) nsp: Option<Cow<'a, str>>,
}

/// Whom something is for. Emitters of other languages leave out what is empty.
#[derive(Deserialize)]
pub(super) struct Opts<'a> {
    #[serde(default)]
    pub(super) rooms: Vec<Name>,
    #[serde(default)]
    pub(super) except: Vec<Name>,
    #[serde(borrow)]
    pub(super) flags: Option<&'a RawValue>,
}

/// The name of a room, which in JavaScript may be a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) String);

/// The data of an envelope.
#[derive(Default, Serialize)]
pub(super) struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) packet: Option<PacketData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opts: Option<OptsData<'a>>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rooms: Option<&'a [Name]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) close: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sockets: Option<&'a RawValue>,
    #[serde(rename = "clientCount", skip_serializing_if = "Option::is_none")]
    pub(super) clients: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum PacketData<'a> {
    Event { r#type: u64, data: &'a RawValue },
    Value(&'a RawValue),
}

#[derive(Serialize)]
pub(super) struct OptsData<'a> {
    pub(super) rooms: &'a [Name],
    pub(super) except: &'a [Name],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flags: Option<&'a RawValue>,
}

impl<'a> From<&'a Opts<'a>> for OptsData<'a> {
    fn from(opts: &'a Opts<'a>) -> Self {
        Self { rooms: &opts.rooms, except: &opts.except, flags: opts.flags }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a room")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Name, E> {
                Ok(Name(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Name, E> {
                Ok(Name(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Name, E> {
                Ok(Name(number.to_string()))
            }
        }

        deserializer.deserialize_any(NameVisitor)
    }
}

/// `null` is an answer, and nothing is none.
pub(super) fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

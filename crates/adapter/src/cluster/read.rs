//! The data of messages, as any node may have written it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::setup::LONGEST;
use super::write::NUMBER;
use crate::{Flags, RemoteSocket, Room, Target};

/// The longest id of a node or a request, in bytes; Node's have 6 to 16.
pub(super) const LONGEST_ID: usize = 64;

/// No node is taken to have more sockets than this; those of 1024 such nodes fit 32 bits.
pub(super) const MOST_CLIENTS: usize = 1 << 21;

/// The kinds of packets that are events: one, and one with attachments.
const EVENTS: [u64; 2] = [2, 5];

#[derive(Deserialize)]
pub(super) struct Broadcast<'a> {
    #[serde(borrow)]
    packet: Packet<'a>,
    pub(super) opts: Opts,
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Option<Id<'a>>,
}

#[derive(Deserialize)]
struct Packet<'a> {
    r#type: u64,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct Rooms {
    pub(super) opts: Opts,
    rooms: Vec<Name>,
}

#[derive(Deserialize)]
pub(super) struct Disconnect {
    pub(super) opts: Opts,
    pub(super) close: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Fetch<'a> {
    pub(super) opts: Opts,
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Id<'a>,
}

#[derive(Deserialize)]
pub(super) struct Sockets<'a> {
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Id<'a>,
    #[serde(borrow)]
    sockets: Vec<Socket<'a>>,
}

#[derive(Deserialize)]
struct Socket<'a> {
    id: String,
    #[serde(borrow)]
    handshake: Option<&'a RawValue>,
    rooms: Vec<Name>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    packet: &'a RawValue,
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Option<Id<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Id<'a>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    packet: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Count<'a> {
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Id<'a>,
    #[serde(rename = "clientCount")]
    clients: u64,
}

/// Who is meant; if that is not said, nobody is.
#[derive(Deserialize)]
pub(super) struct Opts {
    rooms: Vec<Name>,
    except: Vec<Name>,
    flags: Option<WireFlags>,
}

#[derive(Default, Deserialize)]
struct WireFlags {
    volatile: Option<bool>,
    compress: Option<bool>,
    timeout: Option<f64>,
}

/// The id of a request.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Id<'a>(#[serde(borrow)] Cow<'a, str>);

/// A room; a Node program may name one by a number.
struct Name(Room);

/// Reads data; `None` if it is not what it should be.
pub(super) fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Option<T> {
    serde_json::from_slice(data)
        .inspect_err(|error| tracing::debug!(target: "socketio::adapter", %error))
        .ok()
}

/// Reads the number of a broadcast of this node.
pub(super) fn number(data: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        number: u64,
    }

    let as_written = || {
        let json = data.strip_suffix(b"}")?;
        let (start, number) = json.split_at(json.iter().rposition(|byte| !byte.is_ascii_digit())? + 1);
        str::from_utf8(number).ok().filter(|_| start.ends_with(NUMBER))?.parse().ok()
    };
    // It may have gone by an encoding with another order.
    as_written().or_else(|| serde_json::from_slice(data).ok().map(|Numbered { number }| number))
}

impl Broadcast<'_> {
    /// Returns the array of the event, if it is one; `data` is what this was read from.
    pub(super) fn args(&self, data: &Bytes) -> Option<Bytes> {
        EVENTS.contains(&self.packet.r#type).then(|| part(data, self.packet.data))
    }
}

impl Event<'_> {
    pub(super) fn args(&self, data: &Bytes) -> Bytes {
        part(data, self.packet)
    }
}

impl Answer<'_> {
    /// Returns what was answered as an array of arguments.
    pub(super) fn args(&self) -> Bytes {
        match self.packet {
            Some(packet) => [b"[", packet.get().as_bytes(), b"]"].concat().into(),
            None => Bytes::from_static(b"[]"),
        }
    }
}

impl Count<'_> {
    pub(super) fn clients(&self) -> usize {
        usize::try_from(self.clients).unwrap_or(usize::MAX).min(MOST_CLIENTS)
    }
}

impl Rooms {
    pub(super) fn into_parts(self) -> (Target, Vec<Room>) {
        (self.opts.into_target(), rooms(self.rooms))
    }
}

impl Sockets<'_> {
    pub(super) fn into_sockets(self, data: &Bytes) -> Vec<RemoteSocket> {
        let json =
            |value: Option<&RawValue>| value.map_or(Bytes::from_static(b"null"), |value| part(data, value));
        let socket = |socket: Socket<'_>| {
            RemoteSocket::new(socket.id, rooms(socket.rooms), json(socket.handshake), json(socket.data))
        };
        self.sockets.into_iter().map(socket).collect()
    }
}

impl Opts {
    pub(super) fn into_target(self) -> Target {
        let flags = self.flags.unwrap_or_default();
        Target {
            rooms: rooms(self.rooms),
            except: rooms(self.except),
            flags: Flags {
                volatile: flags.volatile.unwrap_or_default(),
                compress: flags.compress.unwrap_or(true),
                timeout: flags.timeout.map(millis),
                ..Flags::default()
            },
        }
    }
}

impl Id<'_> {
    /// Returns the id, unless it is too long to be one.
    pub(super) fn get(&self) -> Option<&str> {
        (self.0.len() <= LONGEST_ID).then_some(&*self.0)
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

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(Name(Room::from_wire_name(name)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Name, E> {
                Ok(Name(Room::new(number.to_string())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Name, E> {
                Ok(Name(Room::new(number.to_string())))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Name, E> {
                Ok(Name(Room::new(number.to_string())))
            }
        }

        deserializer.deserialize_any(NameVisitor)
    }
}

/// `null` is an answer, and no packet is none.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn rooms(names: Vec<Name>) -> Vec<Room> {
    names.into_iter().map(|name| name.0).collect()
}

/// Returns a value that was read from `data` without copying it.
fn part(data: &Bytes, value: &RawValue) -> Bytes {
    data.slice_ref(value.get().as_bytes())
}

fn millis(millis: f64) -> Duration {
    let negative_is_none = millis.max(0.0);
    Duration::try_from_secs_f64(negative_is_none / 1000.0).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::write::{self, Numbered};
    use super::*;

    #[test]
    fn a_broadcast_is_known_by_its_number_whatever_it_says() {
        for args in ["[]", r#"["a",7]"#, r#"["a",{"number":5}]"#, r#"["a","\",\"number\":5}"]"#] {
            for written in [0, 7, u64::MAX] {
                let data = Numbered::broadcast(args.as_bytes(), &Target::to("r")).number(written);
                assert_eq!(number(&data), Some(written));
            }
            assert_eq!(number(&write::broadcast(args.as_bytes(), &Target::default(), None)), None);
        }
        assert_eq!(number(br#"{ "number" : 7, "opts": {} }"#), Some(7));
        for data in ["", "}", "7}", "{}", r#"{"number":"7"}"#, r#"{"number":-7}"#, r#"{"opts":{"number":7}}"#]
        {
            assert_eq!(number(data.as_bytes()), None, "{data}");
        }
    }
}

//! The data of messages, as Node writes it.

use std::io::Write;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::setup::LONGEST;
use crate::json::write_string;
use crate::{RemoteSocket, Room, Target};

/// The data of a broadcast that gets a number, by which this node knows it when it comes back; others ignore that.
pub(super) struct Numbered(Vec<u8>);

/// Behind this comes the number, at the end of the data.
pub(super) const NUMBER: &[u8] = b",\"number\":";

impl Numbered {
    pub(super) fn broadcast(args: &[u8], to: &Target) -> Self {
        Self(open_broadcast(args, to, None))
    }

    /// `{"packet":{"type":2,"data":[…]},"opts":{…},"number":7}`
    pub(super) fn number(self, number: u64) -> Bytes {
        let Self(mut json) = self;
        json.extend_from_slice(NUMBER);
        let _ = write!(json, "{number}");
        end(json)
    }
}

/// `{"packet":{"type":2,"data":[…]},"requestId":…,"opts":{…}}`
pub(super) fn broadcast(args: &[u8], to: &Target, request: Option<&str>) -> Bytes {
    end(open_broadcast(args, to, request))
}

/// The same without its end.
fn open_broadcast(args: &[u8], to: &Target, request: Option<&str>) -> Vec<u8> {
    let mut json = Vec::with_capacity(args.len() + 128);
    json.extend_from_slice(b"{\"packet\":{\"type\":2,\"data\":");
    json.extend_from_slice(args);
    json.push(b'}');
    if let Some(request) = request {
        json.extend_from_slice(b",\"requestId\":");
        write_string(&mut json, request);
    }
    json.extend_from_slice(b",\"opts\":");
    options(&mut json, to);
    json
}

/// `{"opts":{…},"rooms":[…]}`
pub(super) fn rooms(to: &Target, rooms: &[Room]) -> Bytes {
    let mut json = b"{\"opts\":".to_vec();
    options(&mut json, to);
    json.extend_from_slice(b",\"rooms\":");
    room_list(&mut json, rooms);
    end(json)
}

/// `{"opts":{…},"close":true}`
pub(super) fn disconnect(to: &Target, close: bool) -> Bytes {
    let mut json = b"{\"opts\":".to_vec();
    options(&mut json, to);
    json.extend_from_slice(if close { b",\"close\":true" } else { b",\"close\":false" });
    end(json)
}

/// `{"opts":{…},"requestId":…}`
pub(super) fn fetch(to: &Target, request: &str) -> Bytes {
    let mut json = b"{\"opts\":".to_vec();
    options(&mut json, to);
    json.extend_from_slice(b",\"requestId\":");
    write_string(&mut json, request);
    end(json)
}

/// `{"requestId":…,"sockets":[{"id":…,"handshake":{…},"rooms":[…],"data":{…}}]}`
pub(super) fn sockets(request: &str, sockets: &[RemoteSocket]) -> Bytes {
    let mut json = answer_to(request);
    json.extend_from_slice(b",\"sockets\":");
    list(&mut json, sockets, |json, socket| {
        json.extend_from_slice(b"{\"id\":");
        write_string(json, &socket.id);
        json.extend_from_slice(b",\"handshake\":");
        json.extend_from_slice(&socket.handshake);
        json.extend_from_slice(b",\"rooms\":");
        room_list(json, &socket.rooms);
        json.extend_from_slice(b",\"data\":");
        json.extend_from_slice(&socket.data);
        json.push(b'}');
    });
    end(json)
}

/// `{"requestId":…,"packet":[…]}`
pub(super) fn event(args: &[u8], request: Option<&str>) -> Bytes {
    let mut json = Vec::with_capacity(args.len() + 64);
    json.push(b'{');
    if let Some(request) = request {
        json.extend_from_slice(b"\"requestId\":");
        write_string(&mut json, request);
        json.push(b',');
    }
    json.extend_from_slice(b"\"packet\":");
    json.extend_from_slice(args);
    end(json)
}

/// `{"requestId":…,"packet":…}`: the first of the arguments; without one Node leaves `packet` out.
pub(super) fn answer(request: &str, first: Option<&str>) -> Bytes {
    let mut json = answer_to(request);
    if let Some(first) = first {
        json.extend_from_slice(b",\"packet\":");
        json.extend_from_slice(first.as_bytes());
    }
    end(json)
}

/// `{"requestId":…,"clientCount":2}`
pub(super) fn count(request: &str, clients: usize) -> Bytes {
    let mut json = answer_to(request);
    json.extend_from_slice(b",\"clientCount\":");
    json.extend_from_slice(clients.to_string().as_bytes());
    end(json)
}

/// Returns the first argument of an answer, of which other nodes hear, and its attachments.
///
/// `None` if the answer is no JSON array.
pub(super) fn first_argument(args: &[u8], attachments: Vec<Bytes>) -> Option<(Option<&str>, Vec<Bytes>)> {
    let args: Vec<&RawValue> = serde_json::from_slice(args).ok()?;
    let first = args.first().map(|first| first.get());
    // Those of the other arguments may stay, as placeholders need not be in order.
    let is_binary = first.is_some_and(|first| first.contains("\"_placeholder\""));
    Some((first, if is_binary { attachments } else { Vec::new() }))
}

/// `{"rooms":[…],"except":[…],"flags":{…}}`
fn options(json: &mut Vec<u8>, to: &Target) {
    json.extend_from_slice(b"{\"rooms\":");
    room_list(json, &to.rooms);
    json.extend_from_slice(b",\"except\":");
    room_list(json, &to.except);
    json.extend_from_slice(b",\"flags\":");
    let volatile = to.flags.volatile.then(|| "\"volatile\":true".to_owned());
    let compress = (!to.flags.compress).then(|| "\"compress\":false".to_owned());
    let timeout = to.flags.timeout.map(|timeout| format!("\"timeout\":{}", timeout.min(LONGEST).as_millis()));
    let flags: Vec<_> = [volatile, compress, timeout].into_iter().flatten().collect();
    json.push(b'{');
    json.extend_from_slice(flags.join(",").as_bytes());
    json.extend_from_slice(b"}}");
}

fn room_list(json: &mut Vec<u8>, rooms: &[Room]) {
    list(json, rooms, |json, room| write_string(json, &room.wire_name()));
}

fn list<T>(json: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    json.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        write(json, item);
    }
    json.push(b']');
}

fn answer_to(request: &str) -> Vec<u8> {
    let mut json = b"{\"requestId\":".to_vec();
    write_string(&mut json, request);
    json
}

fn end(mut json: Vec<u8>) -> Bytes {
    json.push(b'}');
    json.into()
}

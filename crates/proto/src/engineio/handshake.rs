//! The first packet of a session.

use std::{mem, time::Duration};

use serde::Serialize;

/// What the server tells a new client in the OPEN packet, the first of every session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake<'a> {
    /// The session's id, a secret between the server and this client.
    pub sid: &'a str,
    /// The transports the client may upgrade to; empty when the session began over a WebSocket.
    pub upgrades: &'a [&'a str],
    /// The heartbeat's period, sent in whole milliseconds.
    pub ping_interval: Duration,
    /// How long an answer to a heartbeat may take, sent in whole milliseconds.
    pub ping_timeout: Duration,
    /// The largest payload or message the server takes, in bytes.
    pub max_payload: u64,
}

impl Handshake<'_> {
    /// Appends the packet, `0{"sid":..,"upgrades":..,"pingInterval":..,"pingTimeout":..,"maxPayload":..}`.
    ///
    /// The five keys stand in Node's order. `maxPayload` is not part of Engine.IO 3, but Node sends it to those clients
    /// too and they ignore it, so both versions get the same bytes.
    pub fn write(&self, out: &mut String) {
        let fields = Fields {
            sid: self.sid,
            upgrades: self.upgrades,
            ping_interval: milliseconds(self.ping_interval),
            ping_timeout: milliseconds(self.ping_timeout),
            max_payload: self.max_payload,
        };
        let mut bytes = mem::take(out).into_bytes();
        bytes.reserve(USUAL + self.sid.len());
        bytes.push(b'0');
        serde_json::to_writer(&mut bytes, &fields).expect("strings and integers are always valid JSON");
        *out = String::from_utf8(bytes).expect("text was appended to text");
    }
}

/// About as many bytes as the packet has without the id.
const USUAL: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    sid: &'a str,
    upgrades: &'a [&'a str],
    ping_interval: u64,
    ping_timeout: u64,
    max_payload: u64,
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

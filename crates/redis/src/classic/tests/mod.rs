//! Against what Node's adapter and emitter have written.

mod both_ways;
mod from_node;
mod hostile;
mod reading;
mod to_node;

use bytes::Bytes;
use tower_socketio_adapter::{Message, MessageKind};

use super::channels::Channels;
use super::outgoing::Style;
use crate::subscriptions::Seat;

/// Us.
const NODE: &str = "41e7c4b94158eb66";

fn seat() -> Seat {
    Seat::new("/", NODE)
}

fn style() -> Style {
    Style { channels: Channels::new("socket.io"), specific_responses: false }
}

fn message(kind: MessageKind, node: &str, data: &str, attachments: &[&'static [u8]]) -> Message {
    let attachments = attachments.iter().map(|bytes| Bytes::from_static(bytes)).collect();
    Message::new(kind, Some("/".into()), node.into(), data.to_owned().into(), attachments)
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// `io.to("room1").emit("foo", "bar")` of the node `abc123`.
const BROADCAST: &str = "93a661626331323383a47479706502a46461746192a3666f6fa3626172a36e7370a12f
    83a5726f6f6d7391a5726f6f6d31a665786365707490a5666c61677380";

/// `io.timeout(100).emit("ping", 1, callback)` of the node `CJHTtn`.
const QUESTION: &str = "85a3756964a6434a4854746ea9726571756573744964a658414c50354ca47479706507
    a67061636b657483a47479706502a46461746192a470696e6701a36e7370a12f
    a46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f757464";

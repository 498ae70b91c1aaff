//! A client which can be made to break every rule: HTTP/1.1 and WebSocket frames written by hand on a TCP stream.

mod frame;
mod http;
mod link;
mod packet;
mod polling;
mod version;
mod websocket;
mod wire;

pub(crate) use frame::{Frame, opcode};
pub(crate) use http::{Connection, Request, Response, fetch};
pub(crate) use link::Link;
pub(crate) use packet::{Packet, decode_payload, encode_payload};
pub(crate) use polling::Polling;
pub(crate) use version::{Transport, Version, Way};
pub(crate) use websocket::{End, WebSocket};

//! `socket.io-msgpack-parser`: a packet is one msgpack map, written by notepack.io 2.2.
//!
//! Payloads are transcoded from and to JSON with placeholders, so that all else works on one form.

mod from_json;
mod packet;
mod read;
mod to_json;
mod transcode;
mod write;

#[cfg(test)]
mod tests;

pub(super) use packet::{decode, encode};
pub(super) use to_json::to_json;
pub use transcode::{json_to_msgpack, msgpack_to_json};

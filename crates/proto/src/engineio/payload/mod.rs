//! Polling payloads: the packets of one POST body, and of one answer to a GET.

mod decode;
mod encode;
mod v3;
mod v4;

pub use decode::{Limits, PayloadError, decode_payload};
pub use encode::{ContentType, Item, encode_payload, encoded_len};

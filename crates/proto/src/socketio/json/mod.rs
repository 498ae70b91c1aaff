//! Compact JSON, byte for byte what `serde_json::to_writer` writes, but bytes are kept aside as attachments.
//!
//! serde_json looks at a string byte by byte for what has to be escaped, which is most of what it costs to write text;
//! no `Formatter` can change that. Here strings are looked at 32 bytes at once, and everything that is no string, no list
//! and no object is serde_json's own.

mod compound;
mod escape;
mod scan;
mod string;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use scan::clean_len;
pub(super) use string::write_string;
#[cfg(feature = "msgpack")]
pub(super) use writer::PLACEHOLDER;
pub(super) use writer::{PRIVATE, Writer};

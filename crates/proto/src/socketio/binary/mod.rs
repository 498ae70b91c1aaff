//! Binary values in JSON: placeholders stand in the text, the bytes beside it.

mod attachments;
mod order;
mod resolve;
mod visitor;

pub(super) use attachments::Attachments;
#[cfg(feature = "msgpack")]
pub(super) use attachments::{Key, MARKER};
pub(super) use order::marker_first;
pub(super) use resolve::Resolve;

//! What both versions' encoders have in common: the way out and its sizes.

use super::{v3, v4};
use crate::engineio::Version;

/// A packet for the answer to a GET.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A packet of any type with its digit in front, such as `42["hello"]`, `2` or `6`.
    ///
    /// A v4 payload has no way to carry a U+001E, the separator, inside a packet; JSON never has it unescaped.
    Text(&'a str),
    /// The data of a binary MESSAGE, without any type byte.
    Binary(&'a [u8]),
}

/// The content type that belongs to a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentType {
    /// `text/plain; charset=UTF-8`.
    Text,
    /// `application/octet-stream`.
    Binary,
}

/// Appends the payload of `items` to `out`, and says with which content type to send it.
///
/// `base64` is the query's `b64=1` and matters in v3 only, where it forbids the binary framing that a payload with
/// binary data has otherwise. No items at all give the empty list, which is `0:` in v3.
pub fn encode_payload<'a>(
    version: Version,
    base64: bool,
    items: impl Iterator<Item = Item<'a>> + Clone,
    out: &mut Vec<u8>,
) -> ContentType {
    match version {
        Version::V4 => v4::encode(items, out),
        // Node `encodePayload` of v3: binary framing only if there is binary data and the client takes it.
        Version::V3 if !base64 && items.clone().any(|item| matches!(item, Item::Binary(_))) => {
            v3::encode_binary(items, out);
            return ContentType::Binary;
        }
        Version::V3 => v3::encode(items, out),
    }
    ContentType::Text
}

/// The most bytes this item adds to a payload, so that a payload can be ended before it grows too large.
///
/// In v3 the size depends on whether the payload becomes binary; this is the larger of the two.
pub fn encoded_len(version: Version, item: &Item<'_>) -> usize {
    match version {
        Version::V4 => v4::encoded_len(item),
        Version::V3 => v3::encoded_len(item),
    }
}

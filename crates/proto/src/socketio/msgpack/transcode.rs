use bytes::Bytes;

use super::{from_json::write_json, to_json::to_json};
use crate::socketio::DecodeError;

/// Transcodes one msgpack value to JSON as `JSON.stringify` writes it, with a placeholder,
/// `{"_placeholder":true,"num":0}`, for each binary value, which are given in order.
///
/// `undefined` becomes `null`, and a `Date` its ISO 8601 text.
///
/// # Errors
///
/// If the bytes are not one msgpack value, if it is nested deeper than 128 levels, or if a key is neither text nor an
/// integer.
///
/// ```
/// use tower_socketio_proto::socketio::{json_to_msgpack, msgpack_to_json};
///
/// let (json, attachments) = msgpack_to_json(b"\x92\xa2hi\xc4\x02\x01\x02")?;
/// assert_eq!(json, r#"["hi",{"_placeholder":true,"num":0}]"#);
/// assert_eq!(attachments, [&b"\x01\x02"[..]]);
///
/// let mut msgpack = Vec::new();
/// json_to_msgpack(&mut msgpack, &json, &attachments)?;
/// assert_eq!(msgpack, b"\x92\xa2hi\xc4\x02\x01\x02");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn msgpack_to_json(value: &[u8]) -> Result<(String, Vec<Bytes>), DecodeError> {
    to_json(value)
}

/// Transcodes JSON to msgpack with every number and length in the fewest bytes, and appends it: an attachment stands
/// where its placeholder was. Without attachments placeholders are objects like others.
///
/// # Errors
///
/// If the text is not JSON, if it is nested deeper than 127 levels, or if an attachment is missing. What was appended is
/// then of no use.
pub fn json_to_msgpack(
    out: &mut Vec<u8>,
    json: &str,
    attachments: &[Bytes],
) -> Result<(), serde_json::Error> {
    write_json(out, json, attachments)
}

use serde_json::{Deserializer, Number};

use super::DecodeError;

/// Names of a socket's own life-cycle events: neither side may send them.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether an event's name is one of a socket's own life-cycle events, which neither side may send.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The name an event's array starts with.
pub(super) enum Name {
    /// It stands in the array as it is, in this range.
    Verbatim(usize, usize),
    /// It had to be unescaped, or is a number.
    Converted(String),
}

/// Finds the name at the start of an event's array and where its first argument starts: at the closing bracket if there
/// is none. Nothing behind the name is looked at.
pub(super) fn split_name(array: &str) -> Result<(Name, usize), DecodeError> {
    let bytes = array.as_bytes();
    let start = skip_whitespace(bytes, 1);
    let (name, end) = match bytes.get(start) {
        Some(b'"') => string(array, start)?,
        Some(b'-' | b'0'..=b'9') => number(array, start)?,
        _ => return Err(DecodeError::InvalidName),
    };
    let end = skip_whitespace(bytes, end);
    let first = match bytes.get(end) {
        Some(b']') => end,
        Some(b',') => skip_whitespace(bytes, end + 1),
        _ => return Err(DecodeError::InvalidPayload),
    };
    let last = bytes.len() - 1;
    // `["name"]]` and `["name",]`
    if (bytes[end] == b']') == (first == last) { Ok((name, first)) } else { Err(DecodeError::InvalidPayload) }
}

pub(super) fn skip_whitespace(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

fn string(array: &str, quote: usize) -> Result<(Name, usize), DecodeError> {
    let start = quote + 1;
    match memchr::memchr2(b'"', b'\\', &array.as_bytes()[start..]) {
        Some(length) if array.as_bytes()[start + length] == b'"' => {
            Ok((Name::Verbatim(start, start + length), start + length + 1))
        }
        Some(_) => {
            let mut values = Deserializer::from_str(&array[quote..]).into_iter::<String>();
            let Some(Ok(name)) = values.next() else {
                return Err(DecodeError::InvalidName);
            };
            Ok((Name::Converted(name), quote + values.byte_offset()))
        }
        None => Err(DecodeError::InvalidPayload),
    }
}

/// JavaScript's event emitters take a number for its decimal text.
fn number(array: &str, start: usize) -> Result<(Name, usize), DecodeError> {
    let mut values = Deserializer::from_str(&array[start..]).into_iter::<Number>();
    let Some(Ok(number)) = values.next() else {
        return Err(DecodeError::InvalidName);
    };
    let text = match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    };
    Ok((Name::Converted(text), start + values.byte_offset()))
}

//! Writing JSON by hand.

/// Writes a string with its quotes.
pub(crate) fn write_string(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a string is written to memory");
}

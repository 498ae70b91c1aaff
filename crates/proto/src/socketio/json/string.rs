use super::{
    escape::write_special,
    scan::{any_special, clean_len, specials},
};

/// Appends a string with its quotes.
pub(in crate::socketio) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Appends the key of an object's entry, with what stands before it and behind it.
pub(super) fn write_key(out: &mut Vec<u8>, key: &str, is_first: bool) {
    if is_first {
        out.push(b'"');
    } else {
        out.extend_from_slice(b",\"");
    }
    write_escaped(out, key);
    out.extend_from_slice(b"\":");
}

/// Appends what stands between a string's quotes.
#[inline]
pub(super) fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut bytes = text.as_bytes();
    if bytes.len() >= 64 {
        let (clean, rest) = bytes.split_at(clean_len(bytes));
        out.extend_from_slice(clean);
        bytes = rest;
    }
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        if any_special(block) {
            write_words(out, block.as_chunks().0);
        } else {
            out.extend_from_slice(block);
        }
    }
    let (words, rest) = rest.as_chunks();
    write_words(out, words);
    if !rest.is_empty() {
        write_last(out, last_word(bytes, rest), rest.len());
    }
}

#[inline]
fn write_words(out: &mut Vec<u8>, words: &[[u8; 8]]) {
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        match specials(word) {
            0 => out.extend_from_slice(bytes),
            specials => write_special(out, word, specials, bytes.len()),
        }
    }
}

/// Appends the 1 to 7 lowest bytes of a word.
#[inline]
fn write_last(out: &mut Vec<u8>, word: u64, length: usize) {
    let missing = 8 - length;
    match specials(word) & u64::MAX >> (8 * missing) {
        0 => {
            // A whole word, then cut: the length is no matter of branches.
            out.extend_from_slice(&word.to_le_bytes());
            out.truncate(out.len() - missing);
        }
        specials => write_special(out, word, specials, length),
    }
}

/// What is left of a text behind its last whole word, 1 to 7 bytes, as the lowest ones of a word.
#[inline]
fn last_word(text: &[u8], rest: &[u8]) -> u64 {
    match (text.last_chunk(), rest.first_chunk(), rest.last_chunk()) {
        (Some(last), ..) => u64::from_le_bytes(*last) >> (8 * (8 - rest.len())),
        // They may overlap, in bytes that are the same.
        (_, Some(first), Some(last)) => {
            let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
            first | last << (8 * (rest.len() - 4))
        }
        _ => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

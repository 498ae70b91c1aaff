/// Whether a JSON string cannot hold a byte as it is: a quote, a backslash, or what is below 0x20.
#[inline]
pub(super) fn is_special(byte: u8) -> bool {
    // A quote is 0x22: it changes places with a space.
    byte ^ 2 < 0x21 || byte == b'\\'
}

/// Whether there are special ones among these bytes.
#[inline]
pub(super) fn any_special(block: &[u8; 32]) -> bool {
    // Without a way out in the middle, so that the compiler compares whole vectors.
    block.iter().fold(false, |any, byte| any | is_special(*byte))
}

/// The high bit of each byte that is special.
#[inline]
pub(super) fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // Each sum's high bit says that the byte is none; without those of the word there is no carry from byte to byte.
    let low = word & (ONES * 0x7f);
    let is_no_low = (low ^ (ONES * 2)) + ONES * (0x80 - 0x21);
    let is_no_backslash = (low ^ (ONES * b'\\' as u64)) + ONES * 0x7f;
    !((is_no_low & is_no_backslash) | word) & (ONES * 0x80)
}

/// How many bytes stand before the first special one.
pub(in crate::socketio) fn clean_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk()
        && !any_special(block)
    {
        at += block.len();
    }
    while let Some(word) = bytes[at..].first_chunk() {
        match specials(u64::from_le_bytes(*word)) {
            0 => at += word.len(),
            specials => return at + specials.trailing_zeros() as usize / 8,
        }
    }
    at + bytes[at..].iter().take_while(|byte| !is_special(**byte)).count()
}

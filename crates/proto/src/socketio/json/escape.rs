/// Appends the lowest bytes of a word, some of which are special: these have their high bit set in `specials`.
pub(super) fn write_special(out: &mut Vec<u8>, word: u64, mut specials: u64, length: usize) {
    const ROOM: usize = 8 * LONGEST + 8;
    let start = out.len();
    out.extend_from_slice(&[0; ROOM]);
    let room: &mut [u8; ROOM] = out.last_chunk_mut().expect("as many bytes were just appended");
    let mut end = 0;
    let mut done = 0;
    while specials != 0 {
        let index = specials.trailing_zeros() as usize / 8;
        // All that is left each time, whose end is then overwritten: the length is no matter of branches.
        put(room, end, (word >> (8 * done)).to_le_bytes());
        end += index - done;
        let byte = word.to_le_bytes()[index];
        match LETTERS[usize::from(byte & 0x7f)] {
            b'u' => {
                put(room, end, [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 0xf)]);
                end += LONGEST;
            }
            letter => {
                put(room, end, [b'\\', letter]);
                end += 2;
            }
        }
        done = index + 1;
        specials &= specials - 1;
    }
    if done < length {
        put(room, end, (word >> (8 * done)).to_le_bytes());
        end += length - done;
    }
    out.truncate(start + end);
}

/// How many bytes the longest escape has, `\u0000`.
const LONGEST: usize = 6;

#[inline]
fn put<const N: usize>(room: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = room.get_mut(at..).and_then(|room| room.first_chunk_mut()) {
        *place = bytes;
    }
}

#[inline]
fn hex(digit: u8) -> u8 {
    digit + if digit < 10 { b'0' } else { b'a' - 10 }
}

/// What stands behind the backslash, by the special byte.
static LETTERS: [u8; 128] = {
    let mut letters = [b'u'; 128];
    letters[0x08] = b'b';
    letters[b'\t' as usize] = b't';
    letters[b'\n' as usize] = b'n';
    letters[0x0c] = b'f';
    letters[b'\r' as usize] = b'r';
    letters[b'"' as usize] = b'"';
    letters[b'\\' as usize] = b'\\';
    letters
};

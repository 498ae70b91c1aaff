//! WebSocket frames (RFC 6455 §5.2): headers both ways, and masks.
//!
//! Only what a server needs for whole data messages. Fragments, control frames and closing need a state machine.

/// The opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// The opcode of a binary frame.
pub const BINARY: u8 = 0x2;
/// The opcode of a Close frame.
pub const CLOSE: u8 = 0x8;
/// The opcode of a Ping frame.
pub const PING: u8 = 0x9;
/// The opcode of a Pong frame.
pub const PONG: u8 = 0xa;

/// A frame's header as it arrived, valid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The three reserved bits, `0` without an extension.
    pub rsv: u8,
    /// What the frame is, `0x0` to `0xf`.
    pub opcode: u8,
    /// The mask, which every frame from a client must have.
    pub mask: Option<[u8; 4]>,
    /// How many bytes follow the header.
    pub length: u64,
    /// How many bytes the header itself has, 2 to 14.
    pub size: usize,
}

impl Header {
    /// Reads a header; `None` while bytes are missing.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (length, wide) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            short => (u64::from(short), 0),
        };
        let mask = if second & 0x80 != 0 { Some(*rest[wide..].first_chunk()?) } else { None };
        Some(Self {
            fin: first & 0x80 != 0,
            rsv: (first >> 4) & 0x7,
            opcode: first & 0x0f,
            mask,
            length,
            size: 2 + wide + if mask.is_some() { 4 } else { 0 },
        })
    }

    /// The mask of a frame that is a whole data message by itself; `None` for everything else.
    #[inline]
    pub fn whole_message(&self) -> Option<[u8; 4]> {
        if self.fin && self.rsv == 0 && matches!(self.opcode, TEXT | BINARY) { self.mask } else { None }
    }
}

/// Takes the mask off a payload, or puts it on.
#[inline]
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from(u32::from_ne_bytes(mask)) * 0x1_0000_0001;
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let chunk: &mut [u8; 8] = chunk.try_into().expect("chunks of 8 have 8 bytes");
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// How many bytes the header of an unmasked frame has.
#[inline]
pub const fn header_len(length: usize) -> usize {
    match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// Appends the header of an unmasked, final frame.
#[inline]
pub fn write_header(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(0x80 | opcode);
    if let Ok(length @ 0..=125) = u8::try_from(length) {
        out.push(length);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_examples_of_rfc_6455() {
        let mut hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let header = Header::parse(&hello).expect("complete");
        assert_eq!((header.length, header.size, header.opcode), (5, 6, TEXT));
        let mask = header.whole_message().expect("a whole message");
        unmask(&mut hello[6..], mask);
        assert_eq!(&hello[6..], b"Hello");
        assert!(Header::parse(&[0x01, 0x83, 0, 0, 0, 0]).expect("complete").whole_message().is_none());
        assert!(Header::parse(&[0x81, 0x05]).expect("complete").whole_message().is_none());
        assert!(Header::parse(&[0xc1, 0x80, 0, 0, 0, 0]).expect("complete").whole_message().is_none());
    }

    proptest! {
        #[test]
        fn a_written_header_reads_back(length in prop_oneof![0usize..200, 65_000usize..66_000, any::<u32>().prop_map(|n| n as usize)]) {
            let mut out = Vec::new();
            write_header(&mut out, BINARY, length);
            prop_assert_eq!(out.len(), header_len(length));
            let header = Header::parse(&out).expect("complete");
            prop_assert_eq!((header.length, header.size, header.fin), (length as u64, out.len(), true));
            for short in 0..out.len() {
                prop_assert!(Header::parse(&out[..short]).is_none());
            }
        }

        #[test]
        fn unmasking_twice_changes_nothing(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), mask: [u8; 4]) {
            let before = bytes.clone();
            unmask(&mut bytes, mask);
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(*byte, before[at] ^ mask[at % 4]);
            }
            unmask(&mut bytes, mask);
            prop_assert_eq!(bytes, before);
        }
    }
}

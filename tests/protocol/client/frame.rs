//! WebSocket frames (RFC 6455 §5).

use super::wire::Wire;

/// The opcodes.
pub(crate) mod opcode {
    pub(crate) const CONTINUATION: u8 = 0;
    pub(crate) const TEXT: u8 = 1;
    pub(crate) const BINARY: u8 = 2;
    pub(crate) const CLOSE: u8 = 8;
    pub(crate) const PING: u8 = 9;
    pub(crate) const PONG: u8 = 10;
}

/// The mask of every frame we send; any four bytes will do that change each byte.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as it is sent, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
    fin: bool,
    reserved: u8,
    masked: bool,
    announced: Option<u64>,
}

impl Frame {
    pub(crate) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Frame { opcode, payload: payload.into(), fin: true, reserved: 0, masked: true, announced: None }
    }

    pub(crate) fn text(text: &str) -> Self {
        Frame::new(opcode::TEXT, text)
    }

    pub(crate) fn binary(data: impl Into<Vec<u8>>) -> Self {
        Frame::new(opcode::BINARY, data)
    }

    pub(crate) fn continuation(data: impl Into<Vec<u8>>) -> Self {
        Frame::new(opcode::CONTINUATION, data)
    }

    pub(crate) fn ping(data: impl Into<Vec<u8>>) -> Self {
        Frame::new(opcode::PING, data)
    }

    pub(crate) fn close(code: u16, reason: &str) -> Self {
        Frame::new(opcode::CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// Leaves FIN out: another fragment follows.
    pub(crate) fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// Sets the bits RSV1 (4), RSV2 (2) and RSV3 (1).
    pub(crate) fn reserved(mut self, bits: u8) -> Self {
        self.reserved = bits;
        self
    }

    pub(crate) fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    /// Announces another length than the payload has.
    pub(crate) fn announcing(mut self, length: u64) -> Self {
        self.announced = Some(length);
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = self.announced.unwrap_or(self.payload.len() as u64);
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![if self.fin { 0x80 } else { 0 } | self.reserved << 4 | self.opcode];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..126), _) => bytes.push(mask_bit | short),
            (_, Ok(medium)) => {
                bytes.push(mask_bit | 126);
                bytes.extend(medium.to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }

    /// Reads a frame of the server's, `None` at the end of the stream. We negotiate no extension and ask the server to
    /// do what it must: no mask, no reserved bits, the shortest length, control frames short and whole.
    pub(super) async fn read(wire: &mut Wire) -> Option<Self> {
        let head = wire.take(2).await?;
        let (fin, reserved, opcode) = (head[0] & 0x80 != 0, head[0] >> 4 & 7, head[0] & 15);
        assert_eq!(reserved, 0, "a reserved bit without an extension");
        assert_eq!(head[1] & 0x80, 0, "a server masked a frame");
        let length = match head[1] {
            126 => {
                let bytes = wire.take(2).await?.try_into().expect("two bytes");
                let length = u16::from_be_bytes(bytes);
                assert!(length > 125, "a length longer than it needs to be");
                usize::from(length)
            }
            127 => {
                let bytes = wire.take(8).await?.try_into().expect("eight bytes");
                let length = usize::try_from(u64::from_be_bytes(bytes)).expect("a length that fits");
                assert!(length > 65_535, "a length longer than it needs to be");
                length
            }
            short => usize::from(short),
        };
        if opcode >= opcode::CLOSE {
            assert!(fin && length <= 125, "a control frame in fragments, or too long");
        }
        let payload = wire.take(length).await?;
        Some(Frame { fin, masked: false, ..Frame::new(opcode, payload) })
    }

    /// Whether it is the last one of its message.
    pub(crate) fn is_final(&self) -> bool {
        self.fin
    }

    /// The code of a Close frame, `None` if it has none.
    pub(crate) fn close_code(&self) -> Option<u16> {
        assert_eq!(self.opcode, opcode::CLOSE, "{self:?}");
        assert_ne!(self.payload.len(), 1, "half a close code");
        self.payload.first_chunk().copied().map(u16::from_be_bytes)
    }
}

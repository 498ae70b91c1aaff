use crate::socketio::DecodeError;

/// One element of a msgpack document; arrays and maps are followed by their elements.
///
/// notepack has extensions of type 0 for what msgpack lacks: `undefined`, which reads as nil, an `ArrayBuffer`, which
/// reads as binary, and a `Date`, for which its later versions have msgpack's own of type -1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Binary(&'a [u8]),
    /// Milliseconds since 1970.
    Date(i64),
    Array(usize),
    Map(usize),
    Extension(i8, &'a [u8]),
}

impl Token<'_> {
    /// Reads msgpack's own extension for a moment: seconds in 32 bits, nanoseconds in 30 before seconds in 34, or
    /// nanoseconds in 32 before seconds in 64.
    fn timestamp(self) -> Self {
        let Token::Extension(-1, bytes) = self else { return self };
        let (seconds, nanos) = match *bytes {
            [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]).into(), 0),
            [a, b, c, d, e, f, g, h] => {
                let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                ((both & 0x3_ffff_ffff).cast_signed(), both >> 34)
            }
            [a, b, c, d, ref seconds @ ..] if seconds.len() == 8 => {
                let seconds = seconds.iter().fold(0, |seconds, byte| seconds << 8 | i64::from(*byte));
                (seconds, u32::from_be_bytes([a, b, c, d]).into())
            }
            _ => return self,
        };
        let millis = (nanos / 1_000_000).cast_signed();
        Token::Date(seconds.saturating_mul(1000).saturating_add(millis))
    }
}

/// Reads elements from a slice, none of which reaches beyond it.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Token::Unsigned(marker.into()),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f))?,
            0x90..=0x9f => self.list(usize::from(marker & 0x0f))?,
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f))?,
            0xc0 => Token::Nil,
            0xc1 => return Err(DecodeError::MsgPack("unknown marker")),
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(1 << (marker - 0xc4))?;
                Token::Binary(self.take(length)?)
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (marker - 0xc7))?;
                match self.extension(length)? {
                    Token::Extension(0, buffer) => Token::Binary(buffer),
                    extension => extension.timestamp(),
                }
            }
            0xca => Token::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Unsigned(u8::from_be_bytes(self.array()?).into()),
            0xcd => Token::Unsigned(u16::from_be_bytes(self.array()?).into()),
            0xce => Token::Unsigned(u32::from_be_bytes(self.array()?).into()),
            0xcf => Token::Unsigned(u64::from_be_bytes(self.array()?)),
            0xd0 => Token::Signed(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Token::Signed(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Token::Signed(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Token::Signed(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => match self.extension(1 << (marker - 0xd4))? {
                Token::Extension(0, [_]) => Token::Nil,
                Token::Extension(0, &[a, b, c, d, e, f, g, h]) => {
                    Token::Date(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
                }
                extension => extension.timestamp(),
            },
            0xd9..=0xdb => {
                let length = self.length(1 << (marker - 0xd9))?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let length = self.length(2 << (marker - 0xdc))?;
                self.list(length)?
            }
            0xde | 0xdf => {
                let length = self.length(2 << (marker - 0xde))?;
                self.map(length)?
            }
            0xe0..=0xff => Token::Signed(i8::from_be_bytes([marker]).into()),
        })
    }

    /// Passes one value with all it contains, without recursion, and returns its bytes.
    pub(super) fn value(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.rest;
        let mut due = 1;
        while due > 0 {
            due -= 1;
            // Neither overflows: a container is refused unless the rest has a byte for each of its elements.
            due += match self.token()? {
                Token::Array(length) => length,
                Token::Map(length) => 2 * length,
                _ => 0,
            };
            if due > self.rest.len() {
                return Err(TRUNCATED);
            }
        }
        Ok(&start[..start.len() - self.rest.len()])
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::MsgPack("trailing bytes")) }
    }

    fn text(&mut self, length: usize) -> Result<Token<'a>, DecodeError> {
        let text = str::from_utf8(self.take(length)?);
        text.map(Token::Text).map_err(|_| DecodeError::MsgPack("text is not UTF-8"))
    }

    fn extension(&mut self, length: usize) -> Result<Token<'a>, DecodeError> {
        let kind = i8::from_be_bytes(self.array()?);
        Ok(Token::Extension(kind, self.take(length)?))
    }

    fn list(&mut self, length: usize) -> Result<Token<'a>, DecodeError> {
        if length > self.rest.len() { Err(TRUNCATED) } else { Ok(Token::Array(length)) }
    }

    fn map(&mut self, length: usize) -> Result<Token<'a>, DecodeError> {
        if length > self.rest.len() / 2 { Err(TRUNCATED) } else { Ok(Token::Map(length)) }
    }

    /// Reads a length of 1, 2 or 4 bytes.
    fn length(&mut self, width: usize) -> Result<usize, DecodeError> {
        Ok(self.take(width)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }
}

const TRUNCATED: DecodeError = DecodeError::MsgPack("truncated");

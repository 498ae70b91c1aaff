use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// Where a message stands among all of a carrier that keeps them: two numbers, of which the second counts where the first
/// is the same, `1732640000000-3`, as the id of an entry in a Redis stream.
///
/// ```
/// use tower_socketio_adapter::Offset;
///
/// let offset: Offset = "1732640000000-3".parse()?;
/// assert_eq!(offset, Offset::new(1_732_640_000_000, 3));
/// assert_eq!(offset.to_string(), "1732640000000-3");
/// assert!(offset < Offset::new(1_732_640_000_001, 0));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    major: u64,
    minor: u64,
}

impl Offset {
    /// The offset before all others.
    pub const ZERO: Self = Self::new(0, 0);
    /// The offset behind all others.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// Makes an offset of its two numbers.
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major, minor }
    }

    /// Returns the first number.
    pub const fn major(self) -> u64 {
        self.major
    }

    /// Returns the second number.
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// Returns the offset next to this, behind it; the last one has none but itself.
    pub const fn next(self) -> Self {
        match self.minor.checked_add(1) {
            Some(minor) => Self::new(self.major, minor),
            None if self.major == u64::MAX => self,
            None => Self::new(self.major + 1, 0),
        }
    }

    /// Returns the offset next to this, before it; the first one has none but itself.
    pub const fn previous(self) -> Self {
        match self.minor.checked_sub(1) {
            Some(minor) => Self::new(self.major, minor),
            None if self.major == 0 => self,
            None => Self::new(self.major - 1, u64::MAX),
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.major, self.minor)
    }
}

/// Reads only what is written so: no signs, no leading zeros.
impl FromStr for Offset {
    type Err = NoOffset;

    fn from_str(text: &str) -> Result<Self, NoOffset> {
        let (major, minor) = text.split_once('-').ok_or(NoOffset(None))?;
        let number = |text: &str| text.parse().map_err(|error| NoOffset(Some(error)));
        let offset = Self::new(number(major)?, number(minor)?);
        if offset.to_string() == text { Ok(offset) } else { Err(NoOffset(None)) }
    }
}

/// A text is no [`Offset`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an offset")]
pub struct NoOffset(#[source] Option<ParseIntError>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_two_decimal_numbers_and_nothing_else() {
        for text in ["0-0", "1732640000000-3", "18446744073709551615-18446744073709551615"] {
            assert_eq!(text.parse::<Offset>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "-",
            "1-",
            "-1",
            "1-2-3",
            "01-2",
            "1-02",
            "+1-2",
            " 1-2",
            "1-18446744073709551616",
            "a-b",
        ] {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
    }

    #[test]
    fn neighbours_are_next_to_each_other() {
        for (before, after) in [
            (Offset::new(1, 2), Offset::new(1, 3)),
            (Offset::new(1, u64::MAX), Offset::new(2, 0)),
            (Offset::ZERO, Offset::new(0, 1)),
        ] {
            assert_eq!((before.next(), after.previous()), (after, before));
            assert!(before < after);
        }
        assert_eq!((Offset::ZERO.previous(), Offset::MAX.next()), (Offset::ZERO, Offset::MAX));
    }
}

use std::fmt;

/// The place of an entry in a stream: when it was added, and its number in that millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EntryId {
    millis: u64,
    sequence: u64,
}

impl EntryId {
    /// Before every entry.
    pub(super) const ZERO: Self = Self { millis: 0, sequence: 0 };

    /// Behind every entry that was added before this millisecond of Redis' clock, and before all others.
    pub(super) fn before_millis(millis: u64) -> Self {
        Self { millis, sequence: 0 }.previous()
    }

    /// Reads an id as Redis writes it, `1526919030474-55`.
    pub(super) fn parse(id: &[u8]) -> Option<Self> {
        let id = std::str::from_utf8(id).ok()?;
        let (millis, sequence) = id.split_once('-')?;
        Some(Self { millis: number(millis)?, sequence: number(sequence)? })
    }

    /// The first id behind this one; ranges that exclude their ends are only known to Redis 6.2 and later.
    pub(super) fn next(self) -> Self {
        match self.sequence.checked_add(1) {
            Some(sequence) => Self { sequence, ..self },
            None => Self { millis: self.millis.saturating_add(1), sequence: 0 },
        }
    }

    /// The last id before this one.
    pub(super) fn previous(self) -> Self {
        match (self.sequence.checked_sub(1), self.millis.checked_sub(1)) {
            (Some(sequence), _) => Self { sequence, ..self },
            (None, Some(millis)) => Self { millis, sequence: u64::MAX },
            (None, None) => Self::ZERO,
        }
    }

    /// Whether an entry can have this id: not a place between entries that was computed.
    pub(super) fn is_entry(self) -> bool {
        self != Self::ZERO && self.sequence != u64::MAX
    }
}

/// Signs and blanks, which `parse` would take or trim elsewhere, are in no id.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(id: &str) -> EntryId {
        EntryId::parse(id.as_bytes()).unwrap()
    }

    #[test]
    fn an_id_is_two_numbers_and_nothing_else() {
        assert_eq!(id("1526919030474-55"), EntryId { millis: 1_526_919_030_474, sequence: 55 });
        for text in ["", "-", "1", "1-", "-1", "+1-1", "1-+1", "1-1-1", " 1-1", "1-1 ", "a-b", "1--1", "$"] {
            assert_eq!(EntryId::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(EntryId::parse(b"18446744073709551616-0"), None);
        assert_eq!(EntryId::parse(b"1-\xff"), None);
    }

    #[test]
    fn ids_are_ordered_by_their_numbers_not_by_their_text() {
        assert!(id("9-0") < id("10-0") && id("10-9") < id("10-10"));
    }

    #[test]
    fn the_neighbours_of_an_id_carry_over_into_the_millisecond() {
        let last = format!("7-{}", u64::MAX);
        assert_eq!(id("7-3").next(), id("7-4"));
        assert_eq!(id(&last).next(), id("8-0"));
        assert_eq!(id("8-0").previous(), id(&last));
        assert_eq!(EntryId::ZERO.previous(), EntryId::ZERO);
        assert_eq!(EntryId::before_millis(8), id(&last));
        assert!(!EntryId::before_millis(8).is_entry() && !EntryId::ZERO.is_entry() && id("8-0").is_entry());
    }

    proptest! {
        #[test]
        fn an_id_comes_back_from_its_text(millis: u64, sequence: u64) {
            let id = EntryId { millis, sequence };
            prop_assert_eq!(EntryId::parse(id.to_string().as_bytes()), Some(id));
        }

        #[test]
        fn nothing_lies_between_an_id_and_its_successor(millis in 0..u64::MAX, sequence: u64) {
            let id = EntryId { millis, sequence };
            prop_assert!(id < id.next());
            prop_assert_eq!(id.next().previous(), id);
        }

        #[test]
        fn any_bytes_are_an_id_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let _ = EntryId::parse(&bytes);
        }
    }
}

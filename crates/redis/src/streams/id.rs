//! The ids of entries, which are offsets: the millisecond in which an entry was added, and its number in that.

use tower_socketio_adapter::Offset;

/// Reads an id as Redis writes it.
pub(super) fn parse(id: &[u8]) -> Option<Offset> {
    std::str::from_utf8(id).ok()?.parse().ok()
}

/// The place behind every entry that was added before this millisecond of Redis' clock, and before all others.
pub(super) fn before_millis(millis: u64) -> Offset {
    Offset::new(millis, 0).previous()
}

/// Whether an entry can have this id: not a place between entries that was computed.
pub(super) fn is_entry(id: Offset) -> bool {
    id != Offset::ZERO && id.minor() != u64::MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_ordered_by_their_numbers_not_by_their_text() {
        assert!(parse(b"9-0") < parse(b"10-0") && parse(b"10-9") < parse(b"10-10"));
    }

    #[test]
    fn a_place_before_a_millisecond_is_the_id_of_no_entry() {
        let place = before_millis(8);
        assert!(parse(b"7-9000") < Some(place) && Some(place) < parse(b"8-0"));
        assert!(!is_entry(place) && !is_entry(before_millis(0)) && is_entry(Offset::new(8, 0)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_id_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Some(id) = parse(&bytes) {
                prop_assert_eq!(id.to_string().into_bytes(), bytes);
            }
        }
    }
}

use std::borrow::Cow;

/// Merges sorted lists into one that has each index once; a single list is not copied.
pub(super) fn union<'a>(lists: &[&'a [u32]]) -> Cow<'a, [u32]> {
    match lists {
        [] => Cow::Borrowed(&[]),
        [only] => Cow::Borrowed(only),
        _ => {
            let mut all = lists.concat();
            // The stable sort finds the runs and merges them.
            all.sort();
            all.dedup();
            Cow::Owned(all)
        }
    }
}

/// Says which of ascending indices are in any of several sorted lists.
pub(super) struct Except<'a> {
    lists: Vec<&'a [u32]>,
}

impl<'a> Except<'a> {
    pub(super) fn new(lists: Vec<&'a [u32]>) -> Self {
        Self { lists }
    }

    /// Must be asked in ascending order: it drops what it has passed.
    pub(super) fn contains(&mut self, index: u32) -> bool {
        self.lists.iter_mut().any(|list| {
            if list.first().is_some_and(|first| *first < index) {
                *list = &list[list.partition_point(|passed| *passed < index)..];
            }
            list.first() == Some(&index)
        })
    }
}

use std::ops::Deref;

/// A list of indices, the first three of which need no allocation: most rooms have few members, most members few rooms.
///
/// A room's list is sorted and a set, by `insert_all` and `remove_all`; a member's is in order of joining, by `push` and
/// `retain`.
pub(super) enum Indices {
    Few { len: u8, at: [u32; FEW] },
    Many(Vec<u32>),
}

impl Indices {
    /// Adds the indices of a sorted list to this sorted one, and tells which were not there before.
    pub(super) fn insert_all(&mut self, sorted: &[u32], mut added: impl FnMut(u32)) {
        match *sorted {
            [] => {}
            [index] => {
                if let Err(position) = self.binary_search(&index) {
                    self.insert(position, index);
                    added(index);
                }
            }
            _ => {
                let old = self.len();
                // The new ones go behind the old ones; sorting then only has to merge two runs.
                let mut all = Vec::with_capacity(old + sorted.len());
                all.extend_from_slice(self);
                for &index in sorted {
                    if all[..old].binary_search(&index).is_err() {
                        all.push(index);
                        added(index);
                    }
                }
                all.sort();
                *self = Self::from(all);
            }
        }
    }

    /// Removes the indices of a sorted list from this sorted one, and tells which were there.
    pub(super) fn remove_all(&mut self, sorted: &[u32], mut removed: impl FnMut(u32)) {
        if let [index] = *sorted {
            if let Ok(position) = self.binary_search(&index) {
                self.remove(position);
                removed(index);
            }
            return;
        }
        self.retain(|index| {
            let stays = sorted.binary_search(&index).is_err();
            if !stays {
                removed(index);
            }
            stays
        });
    }

    pub(super) fn push(&mut self, index: u32) {
        self.insert(self.len(), index);
    }

    pub(super) fn retain(&mut self, mut stays: impl FnMut(u32) -> bool) {
        match self {
            Self::Few { len, at } => {
                let mut kept = 0;
                for i in 0..usize::from(*len) {
                    if stays(at[i]) {
                        at[kept] = at[i];
                        kept += 1;
                    }
                }
                *len = short(kept);
            }
            Self::Many(many) => {
                many.retain(|index| stays(*index));
                self.shrink();
            }
        }
    }

    fn insert(&mut self, position: usize, index: u32) {
        match self {
            Self::Few { len, at } if usize::from(*len) < FEW => {
                at.copy_within(position..usize::from(*len), position + 1);
                at[position] = index;
                *len += 1;
            }
            Self::Few { at, .. } => {
                let mut many = Vec::with_capacity(2 * FEW);
                many.extend_from_slice(at);
                many.insert(position, index);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.insert(position, index),
        }
    }

    fn remove(&mut self, position: usize) {
        match self {
            Self::Few { len, at } => {
                at.copy_within(position + 1..usize::from(*len), position);
                *len -= 1;
            }
            Self::Many(many) => {
                many.remove(position);
                self.shrink();
            }
        }
    }

    /// Gives memory back, but not at the first chance, so that a list at the border does not allocate at every change.
    fn shrink(&mut self) {
        let Self::Many(many) = self else { return };
        if many.len() < FEW {
            let mut at = [0; FEW];
            at[..many.len()].copy_from_slice(many);
            *self = Self::Few { len: short(many.len()), at };
        } else if many.len() < many.capacity() / 4 {
            many.shrink_to(2 * many.len());
        }
    }
}

impl Default for Indices {
    fn default() -> Self {
        Self::Few { len: 0, at: [0; FEW] }
    }
}

impl Deref for Indices {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::Few { len, at } => &at[..usize::from(*len)],
            Self::Many(many) => many,
        }
    }
}

impl From<Vec<u32>> for Indices {
    fn from(many: Vec<u32>) -> Self {
        let mut indices = Self::Many(many);
        indices.shrink();
        indices
    }
}

fn short(len: usize) -> u8 {
    u8::try_from(len).expect("at most `FEW`")
}

/// What fits beside the length without making the list larger than a `Vec`.
const FEW: usize = 3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_list_is_no_larger_than_a_vec() {
        assert_eq!(size_of::<Indices>(), size_of::<Vec<u32>>());
    }

    #[test]
    fn memory_returns_when_a_list_gets_short() {
        let mut list = Indices::default();
        (0..1000).for_each(|index| list.push(index));
        (10..1000).rev().for_each(|index| list.remove_all(&[index], |_| {}));
        assert!(matches!(&list, Indices::Many(many) if many.capacity() <= 40));
        list.remove_all(&(2..10).collect::<Vec<_>>(), |_| {});
        assert!(matches!(&list, Indices::Few { len: 2, .. }));
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(changes in prop::collection::vec((any::<bool>(), prop::collection::btree_set(0u32..24, 0..6)), 0..40)) {
            let mut list = Indices::default();
            let mut model = BTreeSet::new();
            for (insert, of) in changes {
                let sorted: Vec<_> = of.iter().copied().collect();
                let mut told = BTreeSet::new();
                if insert {
                    list.insert_all(&sorted, |index| assert!(told.insert(index)));
                    prop_assert_eq!(told, of.difference(&model).copied().collect());
                    model.extend(of);
                } else {
                    list.remove_all(&sorted, |index| assert!(told.insert(index)));
                    prop_assert_eq!(told, of.intersection(&model).copied().collect());
                    model.retain(|index| !of.contains(index));
                }
                prop_assert_eq!(list.to_vec(), model.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Values at stable indices, the lowest free one given away first, so that memory returns after a burst.
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    /// Every empty slot, and indices from before `slots` was cut, which are not below its length.
    free: BinaryHeap<Reverse<u32>>,
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(Reverse(at)) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(at as usize)
        {
            *slot = Some(value);
            return at;
        }
        // The lowest was cut off, so all are.
        self.free = BinaryHeap::new();
        let at = u32::try_from(self.slots.len()).expect("memory ends before the indices do");
        self.slots.push(Some(value));
        at
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.slots.get_mut(at as usize)?.take()?;
        self.free.push(Reverse(at));
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.slots.is_empty() {
            self.free = BinaryHeap::new();
        }
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(2 * self.slots.len());
        }
        Some(value)
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    /// Visits the values in the order of their indices.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.slots).filter_map(|(at, slot)| Some((at, slot.as_ref()?)))
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: BinaryHeap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_index_is_given_away_first() {
        let mut slab = Slab::default();
        (0..4).for_each(|value| assert_eq!(slab.insert(value), value));
        slab.remove(2);
        slab.remove(1);
        assert_eq!(slab.insert(10), 1);
        assert_eq!(slab.insert(20), 2);
        assert_eq!(slab.insert(40), 4);
        assert_eq!(slab.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [0, 10, 20, 3, 40]);
    }

    #[test]
    fn indices_that_were_cut_off_are_not_given_away_twice() {
        let mut slab = Slab::default();
        (0..4).for_each(|value| assert_eq!(slab.insert(value), value));
        [3, 1, 2].into_iter().for_each(|at| assert_eq!(slab.remove(at), Some(at)));
        let given: Vec<_> = (0..4).map(|value| slab.insert(value)).collect();
        assert_eq!(given, [1, 2, 3, 4]);
    }

    #[test]
    fn removing_twice_gives_nothing() {
        let mut slab = Slab::default();
        let at = slab.insert('a');
        assert_eq!(slab.remove(at), Some('a'));
        assert_eq!(slab.remove(at), None);
        assert!(slab.get(at).is_none());
    }

    #[test]
    fn memory_returns_after_a_burst() {
        let mut slab = Slab::default();
        (0..10_000).for_each(|value| assert_eq!(slab.insert(value), value));
        (0..10_000).for_each(|at| assert_eq!(slab.remove(at), Some(at)));
        assert!(slab.slots.capacity() < 10 && slab.free.capacity() < 10);
    }
}

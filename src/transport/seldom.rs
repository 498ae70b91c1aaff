use std::collections::VecDeque;

/// A queue that is empty almost always, and then takes one word.
#[derive(Debug)]
pub(super) struct Queue<T>(Option<Box<Filled<T>>>);

#[derive(Debug)]
struct Filled<T>(VecDeque<T>);

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |filled| filled.0.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|filled| &filled.0)
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.0.as_ref()?.0.front()
    }

    pub(super) fn push_back(&mut self, value: T) {
        self.0.get_or_insert_with(|| Box::new(Filled(VecDeque::new()))).0.push_back(value);
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let filled = self.0.as_mut()?;
        let value = filled.0.pop_front();
        if filled.0.is_empty() {
            self.0 = None;
        }
        value
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        let Some(filled) = &mut self.0 else { return };
        filled.0.retain(keep);
        if filled.0.is_empty() {
            self.0 = None;
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn an_empty_queue_is_one_word() {
        assert_eq!(size_of::<Queue<[u64; 8]>>(), size_of::<usize>());
        let mut queue = Queue::default();
        (0..3).for_each(|value| queue.push_back(value));
        assert_eq!((queue.len(), queue.front()), (3, Some(&0)));
        assert_eq!(queue.pop_front(), Some(0));
        queue.retain(|value| *value == 2);
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [2]);
        assert_eq!(queue.pop_front(), Some(2));
        assert!(queue.is_empty() && queue.0.is_none() && queue.pop_front().is_none());
    }
}

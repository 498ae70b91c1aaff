use std::ops::{Index, IndexMut};

use super::dispatch::Entry;

/// The namespaces of one connection, in the order in which the client asked for them: most clients are in one, which
/// needs no memory of its own.
#[derive(Default)]
pub(super) struct Entries {
    first: Option<Entry>,
    /// There while there are several.
    more: Option<Box<More>>,
}

struct More(Vec<Entry>);

impl Entries {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more().len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(self.more())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.first.iter_mut().chain(self.more.iter_mut().flat_map(|more| &mut more.0))
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.first.is_none() {
            self.first = Some(entry);
        } else {
            self.more.get_or_insert_with(|| Box::new(More(Vec::new()))).0.push(entry);
        }
    }

    pub(super) fn remove(&mut self, at: usize) -> Entry {
        let entry = match at.checked_sub(1) {
            None => self.first.take().expect("an entry is removed that is there"),
            Some(at) => self.more.as_mut().expect("an entry is removed that is there").0.remove(at),
        };
        if let Some(more) = &mut self.more {
            if self.first.is_none() {
                self.first = Some(more.0.remove(0));
            }
            if more.0.is_empty() {
                self.more = None;
            }
        }
        entry
    }

    fn more(&self) -> &[Entry] {
        self.more.as_ref().map_or(&[], |more| &more.0)
    }
}

impl Index<usize> for Entries {
    type Output = Entry;

    fn index(&self, at: usize) -> &Entry {
        match at.checked_sub(1) {
            None => self.first.as_ref().expect("there is a first entry"),
            Some(at) => &self.more()[at],
        }
    }
}

impl IndexMut<usize> for Entries {
    fn index_mut(&mut self, at: usize) -> &mut Entry {
        match at.checked_sub(1) {
            None => self.first.as_mut().expect("there is a first entry"),
            Some(at) => &mut self.more.as_mut().expect("there are several entries").0[at],
        }
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Entry>, std::vec::IntoIter<Entry>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more.map(|more| more.0).unwrap_or_default())
    }
}

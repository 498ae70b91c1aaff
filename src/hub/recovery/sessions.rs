use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::session::Session;
use crate::hub::Name;

/// The clients that are away, in the order in which they left.
#[derive(Default)]
pub(super) struct Sessions {
    by_key: HashMap<Name, u64>,
    order: BTreeMap<u64, Arc<Session>>,
    next: u64,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds a session, and gives the one of the same socket that was there before.
    pub(super) fn insert(&mut self, session: Arc<Session>) -> Option<Arc<Session>> {
        let before = self.remove(session.key());
        session.trail.away.store(true, Ordering::Release);
        self.by_key.insert(session.key().clone(), self.next);
        self.order.insert(self.next, session);
        self.next += 1;
        before
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<Session>> {
        self.order.get(self.by_key.get(key)?).cloned()
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Arc<Session>> {
        let number = self.by_key.remove(key)?;
        self.shrink();
        self.order.remove(&number).inspect(|session| session.trail.away.store(false, Ordering::Release))
    }

    pub(super) fn remove_oldest(&mut self) -> Option<Arc<Session>> {
        let key = self.order.first_key_value()?.1.key().clone();
        self.remove(&key)
    }

    /// Removes those that have been away for the window, and says when the next one will have been.
    pub(super) fn sweep(&mut self, now: Instant, window: Duration) -> (Vec<Arc<Session>>, Option<Instant>) {
        let mut gone = Vec::new();
        loop {
            let next = self.order.first_key_value().map(|(_, session)| session.at + window);
            if next.is_none_or(|next| next > now) {
                return (gone, next);
            }
            gone.extend(self.remove_oldest());
        }
    }

    pub(super) fn take_all(&mut self) -> Vec<Arc<Session>> {
        self.all().for_each(|session| session.trail.away.store(false, Ordering::Release));
        self.by_key = HashMap::new();
        std::mem::take(&mut self.order).into_values().collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.order.values()
    }

    /// The memory of a burst is given back.
    fn shrink(&mut self) {
        if self.by_key.capacity() > 1024 && self.by_key.len() < self.by_key.capacity() / 8 {
            let kept = self.by_key.len() * 2;
            self.by_key.shrink_to(kept);
        }
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.all().for_each(|session| session.trail.away.store(false, Ordering::Release));
    }
}

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::local::Sent;
use super::{Offset, StoredSession};

/// So many messages are kept.
const MOST: usize = 10_000;

/// What a bus in memory keeps: messages in order, and sessions.
#[derive(Default)]
pub(super) struct Journal(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    entries: VecDeque<Entry>,
    last: Offset,
    sessions: HashMap<String, (StoredSession, Instant)>,
}

struct Entry {
    at: Instant,
    namespace: Box<str>,
    offset: Offset,
    sent: Sent,
}

impl Journal {
    /// Keeps a message and gives it its place.
    pub(super) fn keep(&self, namespace: &str, sent: &Sent) -> Offset {
        let mut kept = self.lock();
        kept.last = Offset::new(kept.last.major() + 1, 0);
        let (offset, sent) = (kept.last, sent.clone());
        if kept.entries.len() == MOST {
            kept.entries.pop_front();
        }
        kept.entries.push_back(Entry { at: Instant::now(), namespace: namespace.into(), offset, sent });
        offset
    }

    /// The messages of a namespace of that long ago, and behind which offset none is missing.
    pub(super) fn since(&self, namespace: &str, age: Duration) -> (Offset, Vec<Sent>) {
        let kept = self.lock();
        let is_young = |entry: &&Entry| entry.at.elapsed() <= age;
        let first = kept.entries.iter().find(is_young).map(|entry| entry.offset);
        let of = kept.entries.iter().filter(is_young).filter(|entry| *entry.namespace == *namespace);
        let past = of.map(|entry| {
            let mut sent = entry.sent.clone();
            (sent.offset, sent.past) = (Some(entry.offset), true);
            sent
        });
        (first.map_or(kept.last, Offset::previous), past.collect())
    }

    pub(super) fn save(&self, session: StoredSession, window: Duration) {
        let (mut kept, now) = (self.lock(), Instant::now());
        kept.sessions.retain(|_, (_, until)| *until > now);
        kept.sessions.insert(session.pid.clone(), (session, now + window));
    }

    pub(super) fn take(&self, pid: &str) -> Option<StoredSession> {
        let (session, until) = self.lock().sessions.remove(pid)?;
        (until > Instant::now()).then_some(session)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

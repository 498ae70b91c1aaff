use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tokio::runtime::Id;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Link;

const SHARDS: usize = 16;

/// Found by their session ids, which are not stored once more.
type Shard = HashTable<Line>;

struct Line {
    link: Arc<dyn Link>,
    alarm: Option<Due>,
}

/// Connections by session id, and their alarms.
pub(crate) struct Links {
    shards: [Mutex<Shard>; SHARDS],
    /// `id_generator` may take ids from clients, so the hasher must be one that they cannot predict.
    hasher: RandomState,
    /// Somebody waits for the last one to go, or did.
    awaited: AtomicBool,
    removed: Notify,
    /// From which alarms count.
    start: Instant,
    /// One for each runtime on which alarms are set.
    watches: Mutex<Vec<Arc<Alarms>>>,
}

/// A point in time in half the space: in nanoseconds since the server was made, of which there are 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due(NonZeroU64);

/// What those who set alarms on a runtime and the task there that rings them share.
pub(super) struct Alarms {
    runtime: Id,
    start: Instant,
    /// No alarm of the runtime's rings before; [`u64::MAX`] if none is set.
    next: AtomicU64,
    /// `next` came nearer.
    pub(super) nearer: Notify,
}

impl Alarms {
    /// When the next alarm rings, if one is set.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = self.next.load(Ordering::SeqCst);
        (next != u64::MAX).then(|| self.start + Duration::from_nanos(next - 1))
    }

    pub(super) fn clear(&self) {
        self.next.store(u64::MAX, Ordering::SeqCst);
    }

    /// Notes that an alarm is set; whether none rings before.
    pub(super) fn note(&self, due: Due) -> bool {
        due.0.get() < self.next.fetch_min(due.0.get(), Ordering::SeqCst)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            awaited: AtomicBool::new(false),
            removed: Notify::new(),
            start: Instant::now(),
            watches: Mutex::default(),
        }
    }
}

impl Links {
    fn hash(&self, sid: &str) -> u64 {
        self.hasher.hash_one(sid)
    }

    /// By bits in the middle of the hash: tables use both of its ends.
    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        locked(&self.shards[(hash >> 32) as usize % SHARDS])
    }

    /// `false` if the id is taken.
    pub(crate) fn insert(&self, link: Arc<dyn Link>) -> bool {
        let hash = self.hash(link.sid());
        let is_it = |line: &Line| line.link.sid() == link.sid();
        match self.shard(hash).entry(hash, is_it, |line| self.hash(line.link.sid())) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(Line { link, alarm: None });
                true
            }
        }
    }

    pub(crate) fn get(&self, sid: &str) -> Option<Arc<dyn Link>> {
        let hash = self.hash(sid);
        self.shard(hash).find(hash, |line| line.link.sid() == sid).map(|line| line.link.clone())
    }

    pub(crate) fn remove(&self, sid: &str) {
        let hash = self.hash(sid);
        let removed = {
            let mut shard = self.shard(hash);
            let found = shard.find_entry(hash, |line| line.link.sid() == sid);
            found.ok().map(|entry| entry.remove().0)
        };
        drop(removed);
        // Whoever waits has said so before it counted, under the same locks.
        if self.awaited.load(Ordering::Relaxed) {
            self.removed.notify_waiters();
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<dyn Link>> {
        let shards = self.shards.iter().map(locked);
        shards.flat_map(|shard| shard.iter().map(|line| line.link.clone()).collect::<Vec<_>>()).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.shards.iter().map(|shard| locked(shard).len()).sum()
    }

    /// Waits until there is none.
    pub(super) async fn empty(&self) {
        self.awaited.store(true, Ordering::Relaxed);
        loop {
            let mut removed = std::pin::pin!(self.removed.notified());
            removed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            removed.await;
        }
    }

    // ---- alarms

    pub(super) fn at(&self, at: Instant) -> Due {
        let since = u64::try_from(at.saturating_duration_since(self.start).as_nanos());
        Due(NonZeroU64::MIN.saturating_add(since.unwrap_or(u64::MAX - 2)))
    }

    /// Sets the alarm of a connection, in place of the one that it had; what a task is to watch, if none does yet on the
    /// runtime.
    pub(super) fn set(&self, sid: &str, due: Due, runtime: Id) -> Option<Arc<Alarms>> {
        let hash = self.hash(sid);
        self.shard(hash).find_mut(hash, |line| line.link.sid() == sid)?.alarm = Some(due);
        // Noted under the lock: a task that ends meanwhile either sees it or is seen to have ended.
        let mut watches = self.watches();
        if let Some(alarms) = watches.iter().find(|alarms| alarms.runtime == runtime) {
            if alarms.note(due) {
                alarms.nearer.notify_one();
            }
            return None;
        }
        let next = AtomicU64::new(due.0.get());
        let alarms = Arc::new(Alarms { runtime, start: self.start, next, nearer: Notify::new() });
        watches.push(alarms.clone());
        Some(alarms)
    }

    /// The task ends that watches these alarms, unless one is set.
    pub(super) fn unwatch(&self, alarms: &Arc<Alarms>) -> bool {
        let mut watches = self.watches();
        let ends = alarms.next().is_none();
        if ends {
            watches.retain(|other| !Arc::ptr_eq(other, alarms));
        }
        ends
    }

    /// The task has ended that watched these alarms.
    pub(super) fn forget(&self, alarms: &Arc<Alarms>) {
        self.watches().retain(|other| !Arc::ptr_eq(other, alarms));
    }

    fn watches(&self) -> MutexGuard<'_, Vec<Arc<Alarms>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the alarms that are due by `now` out, and gives whose they are, how many connections there are, and when the
    /// next alarm is due.
    pub(super) fn due(&self, now: Due) -> (Vec<Arc<dyn Link>>, usize, Option<Due>) {
        let (mut links, mut number, mut next) = (Vec::new(), 0, None);
        for shard in &self.shards {
            let mut shard = locked(shard);
            number += shard.len();
            for line in shard.iter_mut() {
                let Some(due) = line.alarm else { continue };
                if due <= now {
                    line.alarm = None;
                    links.push(line.link.clone());
                } else {
                    next = Some(next.map_or(due, |next: Due| next.min(due)));
                }
            }
        }
        (links, number, next)
    }
}

fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

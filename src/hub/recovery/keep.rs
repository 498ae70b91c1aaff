use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tower_socketio_proto::engineio::Timing;

use super::session::Session;
use super::sessions::Sessions;
use super::{Log, Recovery};
use crate::hub::ConfigError;

/// Everything that a server keeps for clients that are away, and the bounds of it.
pub(crate) struct Keep {
    options: Recovery,
    /// How old a packet may become: so long ago a client may have got its last one that comes back in time.
    age: Duration,
    bytes: AtomicUsize,
    logs: Mutex<Vec<Weak<Log>>>,
    sessions: Mutex<Sessions>,
    balancing: Mutex<()>,
    /// There is a task that sees to what becomes too old.
    pub(super) swept: AtomicBool,
    /// On which runtime.
    pub(super) served: Mutex<Option<Handle>>,
}

impl Keep {
    pub(in crate::hub) fn new(mut options: Recovery, timing: &Timing) -> Result<Arc<Self>, ConfigError> {
        options.check()?;
        // The death of a connection may be noticed as late as this.
        let silence = timing.ping_interval.saturating_add(timing.ping_timeout);
        Ok(Arc::new(Self {
            options,
            age: options.window.saturating_add(silence),
            bytes: AtomicUsize::new(0),
            logs: Mutex::default(),
            sessions: Mutex::default(),
            balancing: Mutex::default(),
            swept: AtomicBool::new(false),
            served: Mutex::default(),
        }))
    }

    pub(super) fn options(&self) -> &Recovery {
        &self.options
    }

    pub(crate) fn skips_middleware(&self) -> bool {
        self.options.skip_middleware
    }

    pub(in crate::hub) fn age(&self) -> Duration {
        self.age
    }

    pub(super) fn add(&self, log: &Arc<Log>) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.len() == logs.capacity() {
            logs.retain(|log| log.strong_count() > 0);
        }
        logs.push(Arc::downgrade(log));
    }

    fn logs(&self) -> Vec<Arc<Log>> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.iter().filter_map(Weak::upgrade).collect()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- sessions

    /// Keeps a session; gives those that made room for it, to be dropped where no lock is held.
    #[must_use = "sessions hold data of the user's, which must be dropped without a lock"]
    pub(super) fn save(&self, session: Arc<Session>) -> Vec<Arc<Session>> {
        self.grown(session.size);
        let mut sessions = self.sessions();
        let mut gone: Vec<_> = sessions.insert(session).into_iter().collect();
        while sessions.len() > self.options.max_sessions {
            gone.extend(sessions.remove_oldest());
        }
        drop(sessions);
        self.shrunk(gone.iter().map(|session| session.size).sum());
        gone
    }

    /// The session that is known by this, the id of its socket or a pid of Node's, if its time is not over.
    pub(super) fn session(&self, key: &str) -> Option<Arc<Session>> {
        let session = self.sessions().get(key)?;
        (session.at.elapsed() < self.options.window).then_some(session)
    }

    /// Takes the session of the same socket out, which may be a later one by now.
    pub(super) fn forget(&self, session: &Session) {
        let gone = self.sessions().remove(session.key());
        if let Some(gone) = gone {
            self.shrunk(gone.size);
        }
    }

    /// Forgets every session: nobody can come back any more.
    pub(crate) fn clear(&self) {
        let gone = self.sessions().take_all();
        self.shrunk(gone.iter().map(|session| session.size).sum());
        let_go(gone);
    }

    // ---- bounds

    pub(super) fn grown(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn shrunk(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Forgets the oldest packets of whichever namespace, and if need be sessions, until all fits; to be called without
    /// a log's lock.
    pub(in crate::hub) fn balance(&self) {
        let most = self.options.max_bytes;
        if self.bytes() <= most {
            return;
        }
        let _turn = match self.balancing.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // Some more than is needed, so that logs are not looked over for every packet.
        let goal = most - most / 16;
        let is_too_much = || self.bytes() > goal;
        let logs = self.logs();
        let oldest = logs.iter().enumerate().filter_map(|(at, log)| Some(Reverse((log.oldest()?, at))));
        let mut oldest: BinaryHeap<_> = oldest.collect();
        while is_too_much()
            && let Some(Reverse((_, at))) = oldest.pop()
        {
            let until = oldest.peek().map(|Reverse((until, _))| *until);
            oldest.extend(logs[at].yield_memory(until, is_too_much).map(|next| Reverse((next, at))));
        }
        while is_too_much() {
            let gone = self.sessions().remove_oldest();
            let Some(gone) = gone else { break };
            self.shrunk(gone.size);
            let_go([gone]);
        }
    }

    /// Forgets what is too old; says when there will be more of it, if anything is left.
    pub(super) fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let (gone, next) = self.sessions().sweep(now, self.options.window);
        self.shrunk(gone.iter().map(|session| session.size).sum());
        let_go(gone);
        let packets = self.logs().iter().filter_map(|log| log.sweep(now, self.age)).min();
        next.into_iter().chain(packets).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }
}

/// Drops sessions, where no lock is held: that runs a program's code, of which a panic is nobody else's affair.
pub(super) fn let_go(gone: impl IntoIterator<Item = Arc<Session>>) {
    for session in gone {
        if catch_unwind(AssertUnwindSafe(|| drop(session))).is_err() {
            tracing::error!(target: "socketio::namespace", "extensions of a client who was away panicked when dropped");
        }
    }
}

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::BusError;

/// How long it is not said again that messages are refused, or do not fit.
const SILENCE: Duration = Duration::from_secs(60);

/// How long nothing is said of further outages after one that was.
const CALM: Duration = Duration::from_secs(10);

/// What a node counts about its bus, over all namespaces.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// The number of namespaces for which the bus is down.
    pub(super) down: AtomicUsize,
    pub(super) outages: AtomicU64,
    pub(super) unpublished: AtomicU64,
    pub(super) ignored: AtomicU64,
    said: Mutex<Said>,
}

/// What was said of outages.
#[derive(Debug, Default)]
struct Said {
    /// Whether of the one that lasts, or whose end nobody has seen yet.
    this: bool,
    /// Nobody is left who waits for its end.
    unseen: bool,
    last: Option<Instant>,
}

/// What the bus does for one namespace.
#[derive(Debug)]
pub(super) struct Health {
    vitals: Arc<Vitals>,
    failing: Mutex<Failing>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failing {
    subscription: bool,
    publishing: bool,
    /// When it was last said that a message was refused, or that too much waits.
    refused: Option<Instant>,
    full: Option<Instant>,
}

impl Vitals {
    pub(super) fn unpublished(&self) {
        self.unpublished.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ignored(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// The bus goes down for a namespace, or comes back.
    fn change(&self, is_down: bool) {
        // The count and what is said of it change together.
        let _said = self.said();
        if !is_down {
            self.down.fetch_sub(1, Ordering::Relaxed);
        } else if self.down.fetch_add(1, Ordering::Relaxed) == 0 {
            self.outages.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A namespace for which the bus is down needs it no more.
    fn retire(&self) {
        let mut said = self.said();
        if self.down.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Nobody knows whether that outage is over: who gets through next says so, and who does not, that there is another.
            said.unseen = true;
        }
    }

    /// Says that the bus is down, or is not any more: once for each outage, and not each time that one which comes and goes
    /// does.
    fn tell(&self, error: Option<&BusError>) {
        let is_news = {
            let mut said = self.said();
            let is_down = self.down.load(Ordering::Relaxed) > 0;
            if std::mem::take(&mut said.unseen) && is_down {
                said.this = false;
            }
            let is_calm = said.last.is_none_or(|last| last.elapsed() >= CALM);
            if is_down == said.this || (is_down && (error.is_none() || !is_calm)) {
                return;
            }
            said.this = is_down;
            if is_down {
                said.last = Some(Instant::now());
            }
            error.filter(|_| is_down)
        };
        // Without the lock: who hears of it by `tracing` may emit.
        match is_news {
            Some(error) => {
                let reason = std::error::Error::source(error);
                tracing::warn!(
                    target: "socketio::adapter", %error, reason,
                    "other nodes are out of reach; local delivery goes on"
                );
            }
            None => tracing::info!(target: "socketio::adapter", "other nodes are within reach again"),
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    pub(super) fn new(vitals: Arc<Vitals>) -> Self {
        Self { vitals, failing: Mutex::default() }
    }

    /// The namespace is subscribed to, or cannot be.
    pub(super) fn subscription(&self, error: Option<&BusError>) {
        self.set(error, |failing| &mut failing.subscription);
        if error.is_none() {
            // There may be nothing to publish that would show it.
            self.publishing(None);
        }
    }

    /// A message was published, or could not be; returns whether it was refused, and nobody has said so for a while.
    pub(super) fn publishing(&self, error: Option<&BusError>) -> bool {
        if !matches!(error, Some(BusError::Refused(_))) {
            self.set(error, |failing| &mut failing.publishing);
            return false;
        }
        is_news(&mut self.failing().refused)
    }

    /// A message did not fit among those that wait; returns whether nobody has said so for a while.
    pub(super) fn full(&self) -> bool {
        is_news(&mut self.failing().full)
    }

    /// The namespace needs the bus no more.
    pub(super) fn retire(&self) {
        let mut failing = self.failing();
        if std::mem::take(&mut *failing).is_down() {
            self.vitals.retire();
        }
    }

    pub(super) fn is_unsubscribed(&self) -> bool {
        self.failing().subscription
    }

    pub(super) fn is_down(&self) -> bool {
        self.failing().is_down()
    }

    fn set(&self, error: Option<&BusError>, which: impl Fn(&mut Failing) -> &mut bool) {
        {
            let mut failing = self.failing();
            let was_down = failing.is_down();
            *which(&mut failing) = error.is_some();
            if was_down != failing.is_down() {
                self.vitals.change(!was_down);
            }
        }
        self.vitals.tell(error);
    }

    fn failing(&self) -> MutexGuard<'_, Failing> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether that was last said long ago; it is now.
fn is_news(said: &mut Option<Instant>) -> bool {
    let is_news = said.is_none_or(|said| said.elapsed() >= SILENCE);
    if is_news {
        *said = Some(Instant::now());
    }
    is_news
}

impl Failing {
    fn is_down(self) -> bool {
        self.subscription || self.publishing
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.retire();
    }
}

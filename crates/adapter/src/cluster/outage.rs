use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::BusError;

/// How long it is not said again that messages are refused.
const SILENCE: Duration = Duration::from_secs(60);

/// What a node counts about its bus, over all namespaces.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// The number of namespaces for which the bus is down.
    pub(super) down: AtomicUsize,
    pub(super) outages: AtomicU64,
    pub(super) unpublished: AtomicU64,
    pub(super) ignored: AtomicU64,
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
    /// When it was last said that a message was refused.
    refused: Option<Instant>,
}

impl Vitals {
    pub(super) fn unpublished(&self) {
        self.unpublished.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ignored(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
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
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = failing.refused.is_none_or(|said| said.elapsed() >= SILENCE);
        if is_news {
            failing.refused = Some(Instant::now());
        }
        is_news
    }

    /// The namespace needs the bus no more.
    pub(super) fn retire(&self) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *failing).is_down() {
            self.vitals.down.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_unsubscribed(&self) -> bool {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).subscription
    }

    pub(super) fn is_down(&self) -> bool {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).is_down()
    }

    fn set(&self, error: Option<&BusError>, which: impl Fn(&mut Failing) -> &mut bool) {
        let told = {
            let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
            let was_down = failing.is_down();
            *which(&mut failing) = error.is_some();
            match (was_down, failing.is_down()) {
                (false, true) => self.vitals.down.fetch_add(1, Ordering::Relaxed) == 0,
                (true, false) => self.vitals.down.fetch_sub(1, Ordering::Relaxed) == 1,
                _ => false,
            }
        };
        // Without the lock: who hears of it by `tracing` may emit.
        match error.filter(|_| told) {
            Some(error) => {
                self.vitals.outages.fetch_add(1, Ordering::Relaxed);
                let reason = std::error::Error::source(error);
                tracing::warn!(
                    target: "socketio::adapter", %error, reason,
                    "other nodes are out of reach; local delivery goes on"
                );
            }
            None if told => {
                tracing::info!(target: "socketio::adapter", "other nodes are within reach again");
            }
            None => {}
        }
    }
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

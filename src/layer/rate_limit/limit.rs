use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::Quota;
use serde_json::json;
use tokio::time::Instant;

use super::key::Key;
use super::layer::Beyond;
use super::memory::{Memory, Over, Own, Queue, quota};
use super::store::{AnyStore, Rate, Taken};
use crate::hub::{WireError, next_number};

/// How long a store may take, and how long it is left alone after it has failed.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) rate: Rate,
    pub(super) bytes: bool,
    pub(super) beyond: Beyond,
    pub(super) store: Option<Arc<dyn AnyStore>>,
}

/// A limit and its counters.
pub(super) struct Limit {
    pub(super) settings: Settings,
    /// Of its counters in the slots of sockets and connections.
    pub(super) number: Arc<u64>,
    /// Nothing without a quota: then nothing passes.
    counted: Option<(Quota, Memory)>,
    /// The store has failed, and is not asked before then.
    failing: Mutex<Option<Instant>>,
}

/// Where something is counted.
pub(super) enum Counter {
    Own(Arc<Own>),
    Keyed(Key),
}

/// Something costs more than the bucket ever holds.
pub(super) struct Never;

impl Limit {
    pub(super) fn new(settings: Settings) -> Self {
        let counted = quota(settings.rate).map(|quota| (quota, Memory::new(quota)));
        Self { settings, number: Arc::new(next_number()), counted, failing: Mutex::new(None) }
    }

    /// What so many bytes cost.
    pub(super) fn cost(&self, bytes: usize) -> Result<NonZeroU32, Never> {
        let cost = if self.settings.bytes { u32::try_from(bytes).unwrap_or(u32::MAX) } else { 1 };
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        match &self.counted {
            Some((quota, _)) if cost <= quota.burst_size() => Ok(cost),
            _ => Err(Never),
        }
    }

    /// A new counter for one socket or connection.
    pub(super) fn own(&self) -> Own {
        Own::new(self.counted().0)
    }

    /// Whether a decision may take time.
    pub(super) fn waits(&self) -> bool {
        self.settings.beyond == Beyond::Wait || self.settings.store.is_some()
    }

    fn counted(&self) -> &(Quota, Memory) {
        self.counted.as_ref().expect("without a quota everything costs too much")
    }

    /// Asks the memory of this node.
    pub(super) fn take(&self, counter: &Counter, cost: NonZeroU32) -> Result<(), Over> {
        match counter {
            Counter::Own(own) => own.take(cost),
            Counter::Keyed(key) => self.counted().1.take(key, cost),
        }
    }

    /// Asks the store if there is one that answers, and the memory otherwise.
    pub(super) async fn ask(&self, counter: &Counter, cost: NonZeroU32) -> Result<(), Over> {
        let (Some(store), Counter::Keyed(key)) = (&self.settings.store, counter) else {
            return self.take(counter, cost);
        };
        if self.failing().is_some_and(|again| Instant::now() < again) {
            return self.take(counter, cost);
        }
        let name = key.to_string();
        let answer = tokio::time::timeout(PATIENCE, store.take(&name, cost.get(), self.settings.rate)).await;
        let answer = answer.unwrap_or_else(|late| Err(late.into()));
        let again = answer.is_err().then(|| Instant::now() + PATIENCE);
        let before = std::mem::replace(&mut *self.failing(), again);
        match answer {
            Ok(taken) => {
                if before.is_some() {
                    tracing::info!(target: "socketio::limit", "the store of a rate limit answers again");
                }
                match taken {
                    Taken::Granted => Ok(()),
                    Taken::After(time) => Err(time),
                }
            }
            Err(error) => {
                if before.is_none() {
                    tracing::warn!(target: "socketio::limit", %error, "the store of a rate limit fails: this node counts alone");
                }
                self.take(counter, cost)
            }
        }
    }

    fn failing(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is enough, behind those of the same counter that came before.
    pub(super) async fn wait(&self, counter: &Counter, cost: NonZeroU32) {
        let queue: Option<Queue<'_>> = match counter {
            // Its socket's queue is this counter's.
            Counter::Own(_) => None,
            Counter::Keyed(key) => {
                let memory = &self.counted().1;
                if memory.is_free(key) && self.ask(counter, cost).await.is_ok() {
                    return;
                }
                Some(memory.queue(key))
            }
        };
        let _turn = match &queue {
            Some(queue) => Some(queue.queue.lock().await),
            None => None,
        };
        while let Err(time) = self.ask(counter, cost).await {
            // A store that says "at once" and still refuses is not asked without a pause.
            tokio::time::sleep(time.max(Duration::from_millis(1))).await;
        }
    }

    /// What the client is told.
    pub(super) fn error(&self, over: Option<Over>) -> WireError {
        let error = WireError::new("too many requests").code("rate_limited");
        match over {
            None => error,
            Some(time) => {
                // Rounded up: whoever comes back then is not too early.
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of a century fit")]
                let seconds = time.as_nanos().div_ceil(1_000_000) as f64 / 1000.0;
                error.data(json!({ "retry_after": seconds }))
            }
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("rate", &self.rate)
            .field("bytes", &self.bytes)
            .field("beyond", &self.beyond)
            .field("store", &self.store.is_some())
            .finish()
    }
}

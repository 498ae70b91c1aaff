use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::outbox::{Line, too_late};
use super::shared::Shared;
use crate::{BusError, Inbox, Incoming};

/// How long is waited before the first attempt to subscribe again; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How long is waited at most; a subscription that lasts as long is a success.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Whether the node hears of others.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Counts the inboxes that were handed out: only the last one is listened to.
    inbox: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether a task is at it.
    opening: bool,
    /// What the last inbox was told while it was being opened.
    failed: Option<BusError>,
    opened: Option<Instant>,
    wait: Duration,
}

impl Default for Subscription {
    fn default() -> Self {
        let state = State { opening: false, failed: None, opened: None, wait: FIRST_WAIT };
        Self { inbox: AtomicU64::new(0), state: Mutex::new(state) }
    }
}

impl Subscription {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Begins to subscribe, for the first time.
    pub(super) fn subscribe(&self) {
        self.subscription.lock().opening = true;
        self.runtime.spawn(subscribe(self.me.clone(), self.line.clone(), None, self.options.request_timeout));
    }

    /// Something came, or the subscription is lost.
    fn hear(&self, inbox: u64, incoming: Result<Incoming, BusError>) {
        if self.subscription.inbox.load(Ordering::Acquire) != inbox || !self.outbox.is_open() {
            return;
        }
        let error = match incoming {
            Ok(incoming) => {
                // A parser of the program's may panic, and the carrier goes on.
                if catch_unwind(AssertUnwindSafe(|| self.receive(incoming))).is_err() {
                    tracing::error!(target: "socketio::adapter", "what another node sent led to a panic");
                }
                return;
            }
            Err(error) => error,
        };
        let wait = {
            let mut state = self.subscription.lock();
            if state.opening {
                state.failed = Some(error);
                return;
            }
            state.opening = true;
            if state.opened.is_some_and(|opened| opened.elapsed() >= LAST_WAIT) {
                state.wait = FIRST_WAIT;
            }
            self.health.subscription(Some(&error));
            state.next_wait()
        };
        self.turns.give_up(self.way());
        let task = subscribe(self.me.clone(), self.line.clone(), Some(wait), self.options.request_timeout);
        self.runtime.spawn(task);
    }

    /// Makes the inbox for a new attempt; `None` if the adapter has been closed.
    fn inbox(&self) -> Option<Inbox> {
        if !self.outbox.is_open() || self.is_leaving() {
            return None;
        }
        self.subscription.lock().failed = None;
        let inbox = self.subscription.inbox.fetch_add(1, Ordering::AcqRel) + 1;
        let shared = self.me.clone();
        let hears = Inbox::new(move |incoming| {
            if let Some(shared) = shared.upgrade() {
                shared.hear(inbox, incoming);
            }
        });
        let vitals = self.vitals.clone();
        let hears = hears.with_malformed(move || vitals.ignored());
        let Some(history) = self.history() else { return Some(hears) };
        let shared = self.me.clone();
        Some(hears.with_history(history, move |offset| {
            if let Some(home) = shared.upgrade().as_ref().and_then(|shared| shared.home.get()) {
                home.begin(offset);
            }
        }))
    }

    /// An attempt has ended; returns how long to wait for the next one, if there must be one.
    fn opened(&self, result: Result<(), BusError>) -> Option<Duration> {
        let mut state = self.subscription.lock();
        let result = match state.failed.take() {
            Some(error) => Err(error),
            None => result,
        };
        self.health.subscription(result.as_ref().err());
        if result.is_err() {
            return Some(state.next_wait());
        }
        state.opening = false;
        state.opened = Some(Instant::now());
        drop(state);
        self.turns.resume();
        self.say_hello();
        None
    }
}

impl State {
    /// Up to a half less, as all nodes lose a bus at the same moment.
    fn next_wait(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(LAST_WAIT);
        let mut random = [0];
        let _ = getrandom::fill(&mut random);
        wait.mul_f64(1.0 - f64::from(random[0]) / 512.0)
    }
}

/// Subscribes, as often as it takes.
async fn subscribe(shared: Weak<Shared>, line: Arc<Line>, mut wait: Option<Duration>, within: Duration) {
    loop {
        if let Some(wait) = wait {
            sleep(wait).await;
        }
        let gate = line.gate.lock().await;
        let Some(inbox) = shared.upgrade().and_then(|shared| shared.inbox()) else {
            line.tried.send_replace(true);
            return;
        };
        let opened = timeout(within, line.bus.open(&line.namespace, &line.node, inbox)).await;
        line.tried.send_replace(true);
        drop(gate);
        let Some(shared) = shared.upgrade() else { return };
        wait = shared.opened(opened.unwrap_or_else(|_| Err(too_late())));
        if wait.is_none() {
            return;
        }
    }
}

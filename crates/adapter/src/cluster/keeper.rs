use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::outbox::{Address, Waiter};
use super::shared::Shared;
use crate::{Membership, MessageKind};

/// How often it is looked for requests and questions whose time is up.
const SWEEP: Duration = Duration::from_secs(1);

/// Does what time asks for, as long as there is an adapter.
pub(super) async fn keep(shared: Weak<Shared>, wake: Arc<Notify>) {
    loop {
        let next = match shared.upgrade() {
            Some(shared) if shared.outbox.is_open() => shared.tick(Instant::now()),
            _ => return,
        };
        match next {
            Some(next) => drop(timeout_at(next, wake.notified()).await),
            None => wake.notified().await,
        }
    }
}

impl Shared {
    /// Does what is due, and returns when something is due next.
    fn tick(&self, now: Instant) -> Option<Instant> {
        // Before the tables are looked at: who fills one afterwards sees it.
        self.sweeping.store(false, Ordering::Release);
        let (acks, questions) = self.questions.expire(now);
        self.forget(acks);
        let requests = self.requests.expire(now);
        self.sweeping.store(requests || questions, Ordering::Release);
        let sweep = (requests || questions).then(|| now + SWEEP);
        let (beat, expiry) = match self.membership {
            Membership::Heartbeat => (Some(self.beat(now)), self.bury(now)),
            Membership::Counted => (None, None),
        };
        let turn = self.turns.tick(now, self.way());
        [sweep, beat, expiry, turn, self.settle(now)].into_iter().flatten().min()
    }

    /// Says that this node is still there, if it has not spoken for a while.
    fn beat(&self, now: Instant) -> Instant {
        let interval = self.options.heartbeat_interval;
        let due = |told: Instant| told + interval;
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if due(told) > now {
            return due(told);
        }
        self.publish(MessageKind::Heartbeat, Bytes::new(), Vec::new(), Address::All, Waiter::Nobody);
        due(now)
    }

    /// Lets go of the nodes that have fallen silent.
    fn bury(&self, now: Instant) -> Option<Instant> {
        let (gone, next) = self.nodes.expire(now, self.options.heartbeat_timeout);
        for node in &gone {
            tracing::debug!(target: "socketio::adapter", namespace = &*self.line.namespace, node = &**node, "silent");
            self.gone(node);
        }
        next
    }
}

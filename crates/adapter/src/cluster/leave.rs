use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::outbox::{Address, Waiter};
use super::shared::Shared;
use crate::{AdapterError, Membership, MessageKind};

/// How a node takes its leave.
impl Shared {
    /// Takes leave of the other nodes; returns the task that does what is left to do.
    pub(super) fn close(&self) -> Option<JoinHandle<()>> {
        if !self.outbox.is_open() || self.leaving.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.turns.give_up(self.way());
        self.requests.clear(|| AdapterError::Unreachable("the namespace has ended".into()));
        if self.membership == Membership::Heartbeat {
            return self.end();
        }
        // Who counts on this node gets an answer.
        let (shared, within) = (self.me.upgrade()?, self.options.request_timeout);
        Some(self.runtime.spawn(async move {
            let end = Instant::now() + within;
            shared.line.unsubscribe(within).await;
            shared.questions.all_answered(end).await;
            if let Some(publisher) = shared.end() {
                let _ = publisher.await;
            }
        }))
    }

    /// Whether the node has begun to take its leave.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    fn end(&self) -> Option<JoinHandle<()>> {
        let last =
            self.letter(MessageKind::AdapterClose, Bytes::new(), Vec::new(), Address::All, Waiter::Nobody);
        if !self.outbox.close(last, &self.line) {
            return None;
        }
        self.requests.clear(|| AdapterError::Unreachable("the namespace has ended".into()));
        self.forget(self.questions.clear());
        self.wake.notify_one();
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::socket::PENDING;
use super::{Socket, panicked};

/// What belongs to a socket from before it is accepted until its disconnect hooks have run, one value of each type.
///
/// No extensions: those may be a client's who comes back by another socket.
pub(super) type Kept = Vec<Arc<dyn Any + Send + Sync>>;

impl Socket {
    /// Keeps a value for this socket; `false`, and nothing is kept, if it has been decided about or has left.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, value: Arc<T>) -> bool {
        let mut state = self.state();
        // Looked at under the lock: whoever ends the socket lets go after that, and finds what was kept before.
        let is_pending = self.0.phase.load(Ordering::Acquire) == PENDING;
        if is_pending {
            state.kept.get_or_insert_default().push(value);
        }
        is_pending
    }

    /// What is kept of this type.
    pub(crate) fn kept<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let state = self.state();
        let value = state.kept.as_ref()?.iter().find(|value| value.is::<T>())?.clone();
        value.downcast().ok()
    }

    /// Lets go of everything, the last first: it may hold what was kept before it.
    pub(super) fn let_go(&self) {
        let kept = self.state().kept.take();
        for value in kept.into_iter().flat_map(|kept| kept.into_iter().rev()) {
            // Dropping it runs a program's code.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                self.report(None, panicked(&*panic));
            }
        }
    }
}

/// Lets go of what a socket keeps when it is dropped.
pub(super) struct Letting(pub(super) Socket);

impl Drop for Letting {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

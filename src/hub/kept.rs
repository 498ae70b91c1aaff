use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::socket::PENDING;
use super::{Socket, panicked};

/// What belongs to a socket from before it is accepted until its disconnect hooks have run, one value of each type.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Arc<dyn Any + Send + Sync>>>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<dyn Any + Send + Sync>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    /// Keeps a value for this socket; `false`, and nothing is kept, if it has been decided about or has left.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, value: Arc<T>) -> bool {
        let kept = self.extensions().get_or_default::<Kept>();
        let mut kept = kept.lock();
        // Looked at under the lock: whoever ends the socket lets go after that, and finds what was kept before.
        let pending = self.0.phase.load(Ordering::Acquire) == PENDING;
        if pending {
            kept.push(value);
        }
        pending
    }

    /// What is kept of this type.
    pub(crate) fn kept<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let kept = self.extensions().get::<Kept>()?;
        let kept = kept.lock();
        kept.iter().find_map(|value| value.clone().downcast().ok())
    }

    /// Lets go of everything, the last first: what is kept may hold the socket, or what was kept before it.
    pub(super) fn let_go(&self) {
        let Some(kept) = self.extensions().get::<Kept>() else { return };
        let mut values = std::mem::take(&mut *kept.lock());
        while let Some(value) = values.pop() {
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

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::Keep;

impl Keep {
    /// Notes the runtime by which clients are taken in: what is kept ends with it.
    pub(super) fn serve(&self) {
        if let Ok(runtime) = Handle::try_current() {
            *self.served() = Some(runtime);
        }
    }

    fn served(&self) -> MutexGuard<'_, Option<Handle>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a task see to what becomes too old, if none does; while nobody was ever taken in, nobody can come back.
    pub(in crate::hub) fn watch(self: &Arc<Self>) {
        if self.swept.load(Ordering::Acquire) || self.is_empty() {
            return;
        }
        // Not on the runtime of whoever emits: that may end long before the clients' does.
        let served = self.served().clone();
        if let Some(runtime) = served
            && !self.swept.swap(true, Ordering::AcqRel)
        {
            runtime.spawn(Sweeper { keep: self.clone(), ended: false }.run());
        }
    }
}

/// The task, which is there as long as something is kept.
struct Sweeper {
    keep: Arc<Keep>,
    ended: bool,
}

impl Sweeper {
    async fn run(mut self) {
        let pause = (self.keep.options().window / 8).min(Duration::from_secs(10));
        loop {
            match self.keep.sweep() {
                Some(due) => sleep_until(due.max(Instant::now() + pause)).await,
                None => {
                    self.keep.swept.store(false, Ordering::Release);
                    // Something may have come between the look and the word.
                    if self.keep.is_empty() || self.keep.swept.swap(true, Ordering::AcqRel) {
                        break;
                    }
                }
            }
        }
        self.ended = true;
    }
}

impl Drop for Sweeper {
    /// If the runtime ends, nobody comes back; sessions hold the server, which would stay for ever.
    fn drop(&mut self) {
        if !self.ended {
            *self.keep.served() = None;
            self.keep.swept.store(false, Ordering::Release);
            self.keep.clear();
        }
    }
}

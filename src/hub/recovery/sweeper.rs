use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::Keep;

impl Keep {
    /// Has a task see to what becomes too old, if none does; without a runtime that waits for the next time.
    pub(in crate::hub) fn watch(self: &Arc<Self>) {
        if self.swept.load(Ordering::Acquire) || self.is_empty() {
            return;
        }
        if let Ok(runtime) = Handle::try_current()
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
            self.keep.swept.store(false, Ordering::Release);
            self.keep.clear();
        }
    }
}

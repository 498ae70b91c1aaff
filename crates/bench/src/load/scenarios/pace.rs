//! Things that are begun on time, whether or not those before are done.

use std::time::{Duration, Instant};

/// Gives the moments at which things are due: the same number of them in every second.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    rate: f64,
    begun: u64,
}

impl Pace {
    /// So many in a second, the first of them now.
    pub(super) fn new(rate: f64) -> Self {
        Self { start: Instant::now(), rate, begun: 0 }
    }

    /// Waits for the next moment and gives it, even if it is over.
    ///
    /// The runtime's timers are no finer than a millisecond: up to the moment itself it only yields, and the thread
    /// does not sleep. It yields once even if it is late, so that answers are read.
    pub(super) async fn next(&mut self) -> Instant {
        let due = self.start + Duration::from_secs_f64(self.begun as f64 / self.rate);
        self.begun += 1;
        loop {
            tokio::task::yield_now().await;
            if Instant::now() >= due {
                return due;
            }
        }
    }
}

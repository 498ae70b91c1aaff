use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Hub;
use super::links::{Alarms, Due};

/// What the look at one connection's alarm may cost, in time between looks: at two nanoseconds for a look, half of a
/// percent of a processor.
const PAUSE: Duration = Duration::from_nanos(400);

impl Hub {
    /// Sets the alarm of a connection, in place of the one that it had: [`Link::ring`](super::Link::ring) is called then.
    ///
    /// There is one task for all alarms: a timer for each connection would cost each a hundred bytes, and the time to
    /// register it. With a million connections an alarm may be 0.4 s late, with a thousand 0.4 ms.
    pub(crate) fn set_alarm(self: &Arc<Self>, sid: &str, due: Due) {
        let alarms = &self.links().alarms;
        if self.links().set(sid, due) && !alarms.watched.swap(true, Ordering::SeqCst) {
            let watch = Watch { hub: Arc::downgrade(self), alarms: alarms.clone(), ended: false };
            tokio::spawn(watch.run());
        }
    }

    pub(crate) fn due(&self, at: std::time::Instant) -> Due {
        self.links().alarms.due(at.into())
    }
}

/// The task that rings alarms; it ends when none is set.
struct Watch {
    hub: Weak<Hub>,
    alarms: Arc<Alarms>,
    ended: bool,
}

impl Watch {
    async fn run(mut self) {
        while let Some(pause) = self.look() {
            if !self.sleep(pause).await {
                break;
            }
        }
        self.ended = true;
    }

    /// Rings what is due, and says when it is time for the next look at the earliest; `None` if the server is gone.
    fn look(&self) -> Option<Instant> {
        let hub = self.hub.upgrade()?;
        let now = Instant::now();
        // What is set from now on is in it.
        self.alarms.clear();
        let (links, number, next) = hub.links().due(self.alarms.due(now));
        if let Some(next) = next {
            self.alarms.note(next);
        }
        links.iter().for_each(|link| link.ring());
        Some(now + PAUSE.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// Waits for the next alarm, and at least until `earliest`; `false` if none is set.
    async fn sleep(&self, earliest: Instant) -> bool {
        loop {
            let Some(next) = self.alarms.next() else {
                self.alarms.watched.store(false, Ordering::SeqCst);
                // One may have been set between the look and the word.
                if self.alarms.next().is_none() || self.alarms.watched.swap(true, Ordering::SeqCst) {
                    return false;
                }
                continue;
            };
            tokio::select! {
                biased;
                () = sleep_until(next.max(earliest)) => return true,
                () = self.alarms.nearer.notified() => {}
            }
        }
    }
}

impl Drop for Watch {
    /// The runtime ends. Connections may be on others: woken, they set their alarms anew, and one of them goes on.
    fn drop(&mut self) {
        if !self.ended
            && let Some(hub) = self.hub.upgrade()
        {
            self.alarms.watched.store(false, Ordering::SeqCst);
            hub.links().all().iter().for_each(|link| link.ring());
        }
    }
}

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
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
    ///
    /// Where several runtimes serve there is one task on each, so that none waits for a thread of another: all of them
    /// look at all alarms, and each sees to those that were set on its own.
    pub(crate) fn set_alarm(self: &Arc<Self>, sid: &str, due: Due) {
        let runtime = Handle::current().id();
        if let Some(alarms) = self.links().set(sid, due, runtime) {
            tokio::spawn(Watch { hub: Arc::downgrade(self), alarms, ended: false }.run());
        }
    }

    pub(crate) fn due(&self, at: std::time::Instant) -> Due {
        self.links().at(at.into())
    }
}

/// A runtime's task that rings alarms; it ends when none is set.
struct Watch {
    hub: Weak<Hub>,
    alarms: Arc<Alarms>,
    ended: bool,
}

impl Watch {
    async fn run(mut self) {
        while let Some(earliest) = self.look() {
            if !self.sleep(earliest).await {
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
        let (links, number, next) = hub.links().due(hub.links().at(now));
        if let Some(next) = next {
            self.alarms.note(next);
        }
        links.iter().for_each(|link| link.ring());
        Some(now + PAUSE.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// Waits for the next alarm, and at least until `earliest`; `false` if none is set, and the task is to end.
    async fn sleep(&self, earliest: Instant) -> bool {
        loop {
            let Some(next) = self.alarms.next() else {
                if self.hub.upgrade().is_none_or(|hub| hub.links().unwatch(&self.alarms)) {
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
    /// The runtime ends, or somebody's waker has panicked: connections that are still driven set their alarms anew when
    /// they are woken.
    fn drop(&mut self) {
        if !self.ended
            && let Some(hub) = self.hub.upgrade()
        {
            hub.links().forget(&self.alarms);
            hub.links().all().iter().for_each(|link| link.ring());
        }
    }
}

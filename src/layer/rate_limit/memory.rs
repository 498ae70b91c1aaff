use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{InsufficientCapacity, NotUntil, Quota, RateLimiter};
use tokio::time::Instant;

use super::key::Key;
use super::store::Rate;

/// Longer than anything lives, and short enough that no sum of two overflows the nanoseconds of a counter.
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 100);
/// Below so many keys it is not worth looking for full ones.
const FEW: usize = 1024;
/// How often full counters are looked for at least, where there is traffic at all.
const PURGE: Duration = Duration::from_secs(60);

/// What a counter says: how long until there is enough.
pub(super) type Over = Duration;

/// The bucket of a rate; `None` if nothing ever passes.
pub(super) fn quota(rate: Rate) -> Option<Quota> {
    let (number, burst) = (NonZeroU32::new(rate.number)?, NonZeroU32::new(rate.burst)?);
    let each = (rate.period / number.get()).clamp(Duration::from_nanos(1), LONGEST);
    let most = u32::try_from(LONGEST.as_nanos() / each.as_nanos()).unwrap_or(u32::MAX);
    Some(Quota::with_period(each)?.allow_burst(burst.min(NonZeroU32::new(most)?)))
}

/// The counter of one socket or connection, and the queue of what waits there.
pub struct Own {
    counter: RateLimiter<NotKeyed, InMemoryState, Ticking, NoOpMiddleware<Moment>>,
    pub(super) queue: tokio::sync::Mutex<()>,
}

impl Own {
    pub(super) fn new(quota: Quota) -> Self {
        Self { counter: RateLimiter::direct_with_clock(quota, Ticking), queue: tokio::sync::Mutex::default() }
    }

    /// The cost must fit into the bucket: a larger one overflows.
    pub(super) fn take(&self, cost: NonZeroU32) -> Result<(), Over> {
        outcome(self.counter.check_n(cost))
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

/// Counters by key, and the queue of each key for which something waits.
pub(super) struct Memory {
    counters: RateLimiter<Key, DashMapStateStore<Key>, Ticking, NoOpMiddleware<Moment>>,
    /// How many checks are left until full counters are forgotten: as many as there are counters, so that each check pays
    /// for one.
    left: AtomicUsize,
    purged: Mutex<Instant>,
    purging: AtomicBool,
    queues: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
}

impl Memory {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            counters: RateLimiter::dashmap_with_clock(quota, Ticking),
            left: AtomicUsize::new(FEW),
            purged: Mutex::new(Instant::now()),
            purging: AtomicBool::new(false),
            queues: Mutex::default(),
        }
    }

    /// The cost must fit into the bucket: a larger one overflows.
    pub(super) fn take(&self, key: &Key, cost: NonZeroU32) -> Result<(), Over> {
        self.purge();
        outcome(self.counters.check_key_n(key, cost))
    }

    /// Forgets full counters, now and then.
    fn purge(&self) {
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        // The clock is looked at once in so many checks.
        let due = left <= 1 || left.is_multiple_of(64) && self.purged().elapsed() >= PURGE;
        if !due || self.purging.swap(true, Ordering::Acquire) {
            return;
        }
        let before = self.counters.len();
        self.counters.retain_recent();
        let after = self.counters.len();
        if before > FEW && after < before / 4 {
            self.counters.shrink_to_fit();
        }
        *self.purged() = Instant::now();
        // In this order: with the number back, the next purge must be possible.
        self.purging.store(false, Ordering::Release);
        self.left.store(after.max(FEW), Ordering::Relaxed);
    }

    fn purged(&self) -> MutexGuard<'_, Instant> {
        self.purged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing waits for this key.
    pub(super) fn is_free(&self, key: &Key) -> bool {
        !self.queues.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// A place in the queue of a key.
    pub(super) fn queue(&self, key: &Key) -> Queue<'_> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(key.clone()).or_default().clone();
        Queue { memory: self, key: key.clone(), queue }
    }
}

pub(super) struct Queue<'a> {
    memory: &'a Memory,
    key: Key,
    pub(super) queue: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for Queue<'_> {
    /// The last one in a queue takes it away.
    fn drop(&mut self) {
        let mut queues = self.memory.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.key);
        }
        if queues.is_empty() && queues.capacity() > FEW {
            *queues = HashMap::new();
        }
    }
}

fn outcome(result: Result<Result<(), NotUntil<Moment>>, InsufficientCapacity>) -> Result<(), Over> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(until)) => Err(until.wait_time_from(Ticking.now())),
        Err(_) => Err(LONGEST),
    }
}

/// Tokio's clock, which tests can stop.
#[derive(Clone, Copy, Debug)]
struct Ticking;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Instant);

impl Clock for Ticking {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Instant::now())
    }
}

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + Duration::from(other))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;
    const SECOND: Duration = Duration::from_secs(1);

    fn rate(number: u32, period: Duration, burst: u32) -> Option<Quota> {
        quota(Rate { number, period, burst })
    }

    fn key(n: usize) -> Key {
        Key::By(n.to_string())
    }

    fn tokens(own: &Own) -> usize {
        (0..1000).take_while(|_| own.take(ONE).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn full_counters_are_forgotten_and_others_are_not() {
        let memory = Memory::new(rate(2, SECOND, 2).expect("a rate"));
        let busy = Key::By("busy".to_owned());
        let mut most = 0;
        for n in 0..100_000 {
            assert!(memory.take(&key(n), ONE).is_ok());
            // A hundred keys in a millisecond: a thousand seconds in all, of which a key is remembered for one.
            if n % 100 == 0 {
                tokio::time::advance(Duration::from_millis(10)).await;
                while memory.take(&busy, ONE).is_ok() {}
            }
            most = most.max(memory.counters.len());
        }
        assert!(most < 30_000, "{most} keys");
        assert!(memory.take(&busy, ONE).is_err(), "a counter that is not full was forgotten");
        tokio::time::advance(PURGE * 2).await;
        for _ in 0..65 {
            let _ = memory.take(&busy, ONE);
        }
        assert_eq!(memory.counters.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_there_as_long_as_somebody_is_in_it() {
        let memory = Memory::new(rate(1, SECOND, 1).expect("a rate"));
        let (one, two) = (memory.queue(&key(1)), memory.queue(&key(1)));
        let other = memory.queue(&key(2));
        assert!(Arc::ptr_eq(&one.queue, &two.queue) && !Arc::ptr_eq(&one.queue, &other.queue));
        drop(one);
        assert!(!memory.is_free(&key(1)));
        drop((two, other));
        assert!(memory.is_free(&key(1)) && memory.queues.lock().expect("no panic").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn extreme_rates_are_rates() {
        assert!(rate(0, SECOND, 1).is_none() && rate(1, SECOND, 0).is_none());
        for number in [1, 7, u32::MAX] {
            for period in [Duration::ZERO, SECOND, Duration::MAX] {
                for burst in [1, 1000, u32::MAX] {
                    let quota = rate(number, period, burst).expect("a rate");
                    let own = Own::new(quota);
                    assert!(own.take(ONE).is_ok(), "{number} {period:?} {burst}");
                    let _ = own.take(quota.burst_size());
                    tokio::time::advance(Duration::from_secs(86_400 * 365)).await;
                    assert!(own.take(ONE).is_ok() || period == Duration::MAX);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_is_filled_at_its_rate() {
        let own = Own::new(rate(10, SECOND, 20).expect("a rate"));
        assert_eq!(tokens(&own), 20);
        tokio::time::advance(SECOND / 2).await;
        assert_eq!(tokens(&own), 5);
        tokio::time::advance(SECOND * 60).await;
        assert_eq!(tokens(&own), 20);
        assert_eq!(own.take(ONE), Err(SECOND / 10));
    }
}

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;

use super::log::Packets;

thread_local! {
    /// How many locks of logs this thread holds.
    static HELD: Cell<usize> = const { Cell::new(0) };
    static ASIDE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// The lock of a log, held.
///
/// The last reference to a socket or a session may be dropped under it, by an adapter that has picked the socket for a
/// broadcast for example; the data of it, which are a program's and may emit when they are dropped, wait for its end.
pub(in crate::hub) struct Locked<'a>(Option<MutexGuard<'a, Packets>>);

impl<'a> Locked<'a> {
    pub(super) fn new(packets: MutexGuard<'a, Packets>) -> Self {
        HELD.set(HELD.get() + 1);
        Self(Some(packets))
    }
}

impl Deref for Locked<'_> {
    type Target = Packets;

    fn deref(&self) -> &Packets {
        self.0.as_ref().expect("it is held until it is dropped")
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Packets {
        self.0.as_mut().expect("it is held until it is dropped")
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0 = None;
        HELD.set(HELD.get() - 1);
        if HELD.get() > 0 {
            return;
        }
        for data in ASIDE.try_with(RefCell::take).unwrap_or_default() {
            if catch_unwind(AssertUnwindSafe(|| drop(data))).is_err() {
                tracing::error!(target: "socketio::namespace", "extensions panicked when dropped");
            }
        }
    }
}

/// Drops data of a program's: at once, or behind the lock that this thread holds.
pub(in crate::hub) fn drop_unlocked<T: 'static>(data: T) {
    if HELD.get() > 0 {
        let data: Box<dyn Any> = Box::new(data);
        // It is gone while the thread ends.
        let _ = ASIDE.try_with(|aside| aside.borrow_mut().push(data));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::hub::recovery::{Keep, Log, Recovery};
    use crate::hub::{Config, Extensions};

    /// Emits when it is dropped, as far as the lock is concerned.
    struct Emits(Arc<Log>, Arc<AtomicUsize>);

    impl Drop for Emits {
        fn drop(&mut self) {
            if self.0.is_free() {
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn data_that_is_dropped_under_the_lock_may_emit() {
        let keep = Keep::new(Recovery::new(), &Config::default().timing).expect("defaults are fine");
        let (log, emitted) = (Log::new(&keep, false), Arc::new(AtomicUsize::new(0)));
        let data = || {
            let extensions = Extensions::default();
            extensions.insert(Arc::new(Emits(log.clone(), emitted.clone())));
            extensions
        };
        drop(data());
        assert_eq!(emitted.load(Ordering::Relaxed), 1);
        let packets = log.lock();
        drop(data());
        assert_eq!(emitted.load(Ordering::Relaxed), 1, "not under the lock");
        drop(packets);
        assert_eq!(emitted.load(Ordering::Relaxed), 2);
    }
}

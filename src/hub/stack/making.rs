use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// One making of a whole stack. Its parts know it, because they can only be given up together: a part that has failed,
/// or has reserved what nobody wants any more, cannot be made anew alone.
#[derive(Clone, Default)]
pub(crate) struct Making(Arc<Inner>);

#[derive(Default)]
struct Inner {
    spoilt: AtomicBool,
    owner: AtomicWaker,
    told: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

thread_local! {
    /// Those under way on this thread, the innermost last. `Layer::layer` takes no argument that could carry it.
    static UNDER_WAY: RefCell<Vec<Option<Making>>> = const { RefCell::new(Vec::new()) };
}

impl Making {
    /// Makes a stack; there is no making where no part of the stack asked for it.
    pub(crate) fn of<T>(make: impl FnOnce() -> T) -> (T, Option<Self>) {
        /// A layer may panic while it is put around.
        struct UnderWay;
        impl Drop for UnderWay {
            fn drop(&mut self) {
                UNDER_WAY.with_borrow_mut(Vec::pop);
            }
        }
        UNDER_WAY.with_borrow_mut(|all| all.push(None));
        let under_way = UnderWay;
        let made = make();
        let making = UNDER_WAY.with_borrow_mut(|all| all.last_mut().and_then(Option::take));
        drop(under_way);
        (made, making)
    }

    /// The one that is under way.
    pub(super) fn current() -> Self {
        UNDER_WAY.with_borrow_mut(|all| {
            all.last_mut().map(|making| making.get_or_insert_default().clone()).unwrap_or_default()
        })
    }

    /// Nobody new should use the stack; who is in it may go on.
    pub(super) fn spoil(&self) {
        if self.0.spoilt.swap(true, Ordering::AcqRel) {
            return;
        }
        self.0.owner.wake();
        if let Some(told) = self.0.told.get() {
            told();
        }
    }

    pub(crate) fn is_spoilt(&self) -> bool {
        self.0.spoilt.load(Ordering::Acquire)
    }

    /// Whom to wake when it is spoilt.
    pub(crate) fn register(&self, owner: &Waker) {
        self.0.owner.register(owner);
    }

    /// What to call when it is spoilt.
    pub(super) fn on_spoilt(&self, told: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.told.set(Box::new(told));
        if self.is_spoilt()
            && let Some(told) = self.0.told.get()
        {
            told();
        }
    }
}

impl fmt::Debug for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Making").field("spoilt", &self.0.spoilt).finish_non_exhaustive()
    }
}

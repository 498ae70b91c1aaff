use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Socket;
use super::socket::CLOSED;

/// What layers keep for a socket, by the number of the layer.
#[derive(Clone, Default)]
struct Slots(Arc<Mutex<HashMap<u64, Slot>>>);

struct Slot {
    value: Arc<dyn Any + Send + Sync>,
    /// Whose it is, if it goes with that.
    owner: Option<Weak<u64>>,
}

impl Socket {
    /// What a layer or a handler keeps for this socket; made at the first use, gone when the socket has left.
    pub(crate) fn slot<T: Send + Sync + 'static>(&self, number: u64, make: impl FnOnce() -> T) -> Arc<T> {
        self.slot_with(number, None, make)
    }

    /// As [`slot`](Self::slot), for an owner who may end before the socket does: a listener, for example.
    pub(crate) fn slot_of<T: Send + Sync + 'static>(
        &self,
        owner: &Arc<u64>,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        self.slot_with(**owner, Some(Arc::downgrade(owner)), make)
    }

    fn slot_with<T: Send + Sync + 'static>(
        &self,
        number: u64,
        owner: Option<Weak<u64>>,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let slots = self.extensions().get_or_default::<Slots>();
        let mut slots = slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = slots.get(&number).map(|slot| slot.value.clone());
        if let Some(Ok(value)) = made.map(Arc::downcast) {
            return value;
        }
        let value = Arc::new(make());
        if self.0.phase.load(Ordering::Acquire) != CLOSED {
            let gone = |slot: &Slot| slot.owner.as_ref().is_some_and(|owner| owner.strong_count() == 0);
            let without_owner: Vec<_> = slots.extract_if(|_, slot| gone(slot)).collect();
            slots.insert(number, Slot { value: value.clone(), owner });
            drop(slots);
            // What is kept may look for slots as it ends.
            drop(without_owner);
        }
        value
    }

    /// What is kept may hold the socket; nothing else would break that circle.
    pub(super) fn forget_slots(&self) {
        if let Some(slots) = self.extensions().get::<Slots>() {
            let slots = std::mem::take(&mut *slots.0.lock().unwrap_or_else(PoisonError::into_inner));
            drop(slots);
        }
    }
}

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::Socket;
use super::socket::CLOSED;

/// What layers keep for a socket, by the number of the layer.
#[derive(Clone, Default)]
struct Slots(Arc<Mutex<HashMap<u64, Arc<dyn Any + Send + Sync>>>>);

impl Socket {
    /// What a layer or a handler keeps for this socket; made at the first use, gone when the socket has left.
    pub(crate) fn slot<T: Send + Sync + 'static>(&self, number: u64, make: impl FnOnce() -> T) -> Arc<T> {
        let slots = self.extensions().get_or_default::<Slots>();
        let mut slots = slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made: Option<Arc<dyn Any + Send + Sync>> = slots.get(&number).cloned();
        if let Some(Ok(slot)) = made.map(Arc::downcast) {
            return slot;
        }
        let slot = Arc::new(make());
        if self.0.phase.load(Ordering::Acquire) != CLOSED {
            slots.insert(number, slot.clone());
        }
        slot
    }

    /// What is kept may hold the socket; nothing else would break that circle.
    pub(super) fn forget_slots(&self) {
        if let Some(slots) = self.extensions().get::<Slots>() {
            let slots = std::mem::take(&mut *slots.0.lock().unwrap_or_else(PoisonError::into_inner));
            drop(slots);
        }
    }
}

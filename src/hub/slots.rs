use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::socket::CLOSED;
use super::{BoxFuture, Conn, Disconnect, DisconnectReason, Extensions, Socket};

/// What layers keep for a socket or a connection, by the number of the layer.
#[derive(Clone, Default)]
struct Slots(Arc<Mutex<HashMap<u64, Slot>>>);

type Slot = Arc<dyn Any + Send + Sync>;

impl Slots {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get<T: Send + Sync + 'static>(
        extensions: &Extensions,
        number: u64,
        make: impl FnOnce() -> T,
        keep: impl FnOnce() -> bool,
    ) -> Arc<T> {
        let slots = extensions.get_or_default::<Self>();
        let mut slots = slots.lock();
        if let Some(Ok(slot)) = slots.get(&number).cloned().map(Arc::downcast) {
            return slot;
        }
        let slot = Arc::new(make());
        if keep() {
            slots.insert(number, slot.clone());
        }
        slot
    }
}

impl Socket {
    /// What a layer or a handler keeps for this socket; made at the first use, gone when the socket has left.
    pub(crate) fn slot<T: Send + Sync + 'static>(&self, number: u64, make: impl FnOnce() -> T) -> Arc<T> {
        let keep = || self.0.phase.load(Ordering::Acquire) != CLOSED;
        Slots::get(self.extensions(), number, make, keep)
    }

    /// What is kept may hold the socket; nothing else would break that circle.
    pub(super) fn forget_slots(&self) {
        if let Some(slots) = self.extensions().get::<Slots>() {
            let slots = std::mem::take(&mut *slots.lock());
            drop(slots);
        }
    }

    /// Has a hook of a layer run when the socket has left, also one that was never accepted. It must not hold the
    /// socket.
    pub(crate) fn at_end(&self, hook: impl FnOnce(Disconnect) -> BoxFuture<()> + Send + 'static) {
        let farewells = self.extensions().get_or_default::<Farewells>();
        farewells.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// The hooks of [`at_end`](Self::at_end), each once.
    pub(super) fn farewells(&self, reason: DisconnectReason) -> Vec<BoxFuture<()>> {
        let Some(farewells) = self.extensions().get::<Farewells>() else { return Vec::new() };
        let farewells = std::mem::take(&mut *farewells.0.lock().unwrap_or_else(PoisonError::into_inner));
        farewells.into_iter().map(|hook| hook(Disconnect { socket: self.clone(), reason })).collect()
    }
}

type Farewell = Box<dyn FnOnce(Disconnect) -> BoxFuture<()> + Send>;

#[derive(Clone, Default)]
struct Farewells(Arc<Mutex<Vec<Farewell>>>);

impl Conn<'_> {
    /// What a layer keeps for this connection; made at the first use, and there as long as the connection.
    pub(crate) fn slot<T: Send + Sync + 'static>(&self, number: u64, make: impl FnOnce() -> T) -> Arc<T> {
        Slots::get(self.extensions(), number, make, || true)
    }
}

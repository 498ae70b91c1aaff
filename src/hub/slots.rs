use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::extensions::Lasts;
use super::socket::CLOSED;
use super::{BoxFuture, Conn, Disconnect, DisconnectReason, Extensions, Socket};

/// What layers keep for a socket or a connection, by the number of the layer.
#[derive(Clone, Default)]
struct Slots(Arc<Mutex<HashMap<u64, Slot>>>);

struct Slot {
    value: Arc<dyn Any + Send + Sync>,
    /// Whose it is, if it goes with that.
    owner: Option<Weak<u64>>,
}

impl Slots {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get<T: Send + Sync + 'static>(
        extensions: &Extensions,
        (number, owner): (u64, Option<Weak<u64>>),
        make: impl FnOnce() -> T,
        keep: impl FnOnce() -> bool,
    ) -> Arc<T> {
        let slots = extensions.get_or_default_as::<Self>(Lasts::Socket);
        let mut slots = slots.lock();
        let made = slots.get(&number).map(|slot| slot.value.clone());
        if let Some(Ok(value)) = made.map(Arc::downcast) {
            return value;
        }
        let value = Arc::new(make());
        if keep() {
            let gone = |slot: &Slot| slot.owner.as_ref().is_some_and(|owner| owner.strong_count() == 0);
            let without_owner: Vec<_> = slots.extract_if(|_, slot| gone(slot)).collect();
            slots.insert(number, Slot { value: value.clone(), owner });
            drop(slots);
            // What is kept may look for slots as it ends.
            drop(without_owner);
        }
        value
    }
}

impl Socket {
    /// What a layer or a handler keeps for this socket; made at the first use, gone when the socket has left. The owner
    /// may end before that: a listener, for example.
    pub(crate) fn slot_of<T: Send + Sync + 'static>(
        &self,
        owner: &Arc<u64>,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let keeps = || self.0.phase.load(Ordering::Acquire) != CLOSED;
        Slots::get(self.extensions(), (**owner, Some(Arc::downgrade(owner))), make, keeps)
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
        let farewells = self.extensions().get_or_default_as::<Farewells>(Lasts::Socket);
        farewells.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Whether there are hooks of [`at_end`](Self::at_end).
    pub(super) fn has_farewells(&self) -> bool {
        let farewells = self.extensions().get::<Farewells>();
        farewells
            .is_some_and(|farewells| !farewells.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty())
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
        Slots::get(self.extensions(), (number, None), make, || true)
    }
}

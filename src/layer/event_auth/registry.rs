use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::EventAuth;

type Gates = HashMap<(TypeId, Box<str>), Box<dyn Any + Send>>;

static GATES: Mutex<Option<Gates>> = Mutex::new(None);

impl<U: Clone + Send + Sync + 'static> EventAuth<U> {
    /// The gate of this name and type of user in the whole process; it is made when it is first asked for, and is there
    /// from then on.
    pub fn named(name: &str, make: impl FnOnce() -> Self) -> Self {
        let key = (TypeId::of::<U>(), Box::from(name));
        if let Some(gate) = find(&gates(), &key) {
            return gate;
        }
        // Not under the lock: making one may need another.
        let made = make();
        let mut gates = gates();
        if let Some(gate) = find(&gates, &key) {
            return gate;
        }
        gates.get_or_insert_default().insert(key, Box::new(made.clone()));
        made
    }
}

fn gates() -> MutexGuard<'static, Option<Gates>> {
    GATES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find<U: 'static>(gates: &Option<Gates>, key: &(TypeId, Box<str>)) -> Option<EventAuth<U>> {
    gates.as_ref()?.get(key)?.downcast_ref::<EventAuth<U>>().cloned()
}

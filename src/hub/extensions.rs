use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Data of one socket by type: one value of each type, cloned on the way out.
#[derive(Default)]
pub struct Extensions(Mutex<Option<Box<Map>>>);

type Map = HashMap<TypeId, Box<dyn AnyClone>>;

trait AnyClone: Any + Send + Sync {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn as_any(&self) -> &dyn Any;
}

impl<T: Clone + Send + Sync + 'static> AnyClone for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Extensions {
    /// Puts a value in and returns the one of its type that was there before.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = map.get_or_insert_default().insert(TypeId::of::<T>(), Box::new(value));
        drop(map);
        before.and_then(|before| before.into_any().downcast().ok()).map(|before| *before)
    }

    /// A clone of the value of this type.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (**map.as_ref()?.get(&TypeId::of::<T>())?).as_any().downcast_ref::<T>().cloned()
    }

    /// A clone of the value of this type, which is put in if there is none.
    pub fn get_or_default<T: Clone + Default + Send + Sync + 'static>(&self) -> T {
        if let Some(value) = self.get() {
            return value;
        }
        let value = T::default();
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = map.get_or_insert_default().entry(TypeId::of::<T>());
        // Another may have been quicker.
        let entry = entry.or_insert_with(|| Box::new(value));
        let value = (**entry).as_any().downcast_ref::<T>().expect("values are kept by their types");
        value.clone()
    }

    /// Takes the value of this type out.
    pub fn remove<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = map.as_mut()?.remove(&TypeId::of::<T>());
        drop(map);
        value.and_then(|value| value.into_any().downcast().ok()).map(|value| *value)
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Extensions").field(&map.as_ref().map_or(0, |map| map.len())).finish()
    }
}

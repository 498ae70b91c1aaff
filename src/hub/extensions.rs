use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::claims::are_claims;
use super::recovery::drop_unlocked;

/// Data of one socket by type: one value of each type, cloned on the way out.
///
/// A client that [comes back](crate::Builder::recovery) after its connection was lost gets clones of it again, but for what
/// says who it is: [`Claims`](crate::Claims), and what was
/// [inserted for the connection](Self::insert_for_connection).
#[derive(Default)]
pub struct Extensions(Mutex<Option<Box<Map>>>);

type Map = HashMap<TypeId, Entry>;

struct Entry {
    value: Box<dyn AnyClone>,
    lasts: Lasts,
}

/// How long a value is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    /// As long as the client, also if it comes back by another connection.
    Client,
    /// As long as nobody decides anew about the client.
    Decision,
    /// As a decision: they are what was decided.
    Claims,
    /// As long as the socket itself.
    Socket,
}

trait AnyClone: Any + Send + Sync {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn as_any(&self) -> &dyn Any;
    fn copy(&self) -> Box<dyn AnyClone>;
}

impl<T: Clone + Send + Sync + 'static> AnyClone for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn copy(&self) -> Box<dyn AnyClone> {
        Box::new(self.clone())
    }
}

fn lasts<T>() -> Lasts {
    // Every `Claims<T>` says who a client is.
    if are_claims::<T>() { Lasts::Claims } else { Lasts::Client }
}

impl Extensions {
    /// Puts a value in and returns the one of its type that was there before.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.insert_as(lasts::<T>(), value)
    }

    /// As [`insert`](Self::insert), for what is to be decided anew when the client comes back by another connection: what
    /// says who it is, for example, and what it may do.
    pub fn insert_for_connection<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.insert_as(Lasts::Decision, value)
    }

    fn insert_as<T: Clone + Send + Sync + 'static>(&self, lasts: Lasts, value: T) -> Option<T> {
        let entry = Entry { value: Box::new(value), lasts };
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = map.get_or_insert_default().insert(TypeId::of::<T>(), entry);
        drop(map);
        before.and_then(|before| before.value.into_any().downcast().ok()).map(|before| *before)
    }

    /// A clone of the value of this type.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (*map.as_ref()?.get(&TypeId::of::<T>())?.value).as_any().downcast_ref::<T>().cloned()
    }

    /// A clone of the value of this type, which is put in if there is none.
    pub fn get_or_default<T: Clone + Default + Send + Sync + 'static>(&self) -> T {
        self.get_or_default_as(lasts::<T>())
    }

    pub(super) fn get_or_default_as<T: Clone + Default + Send + Sync + 'static>(&self, lasts: Lasts) -> T {
        if let Some(value) = self.get() {
            return value;
        }
        let value = T::default();
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = map.get_or_insert_default().entry(TypeId::of::<T>());
        // Another may have been quicker.
        let entry = entry.or_insert_with(|| Entry { value: Box::new(value), lasts });
        let value = (*entry.value).as_any().downcast_ref::<T>().expect("values are kept by their types");
        value.clone()
    }

    /// Takes the value of this type out.
    pub fn remove<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = map.as_mut()?.remove(&TypeId::of::<T>());
        drop(map);
        value.and_then(|entry| entry.value.into_any().downcast().ok()).map(|value| *value)
    }

    /// Clones of what a client has to get back; with `all` also of what says who it is.
    pub(super) fn copy(&self, all: bool) -> Self {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |lasts: Lasts| match lasts {
            Lasts::Client => true,
            Lasts::Decision | Lasts::Claims => all,
            Lasts::Socket => false,
        };
        let entries = map.iter().flat_map(|map| map.iter()).filter(|(_, entry)| is_wanted(entry.lasts));
        let copy: Map = entries
            .map(|(key, entry)| (*key, Entry { value: (*entry.value).copy(), lasts: entry.lasts }))
            .collect();
        Self(Mutex::new((!copy.is_empty()).then(|| Box::new(copy))))
    }

    /// The types of claims that are there.
    pub(super) fn claims(&self) -> HashSet<TypeId> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = map.iter().flat_map(|map| map.iter());
        entries.filter(|(_, entry)| entry.lasts == Lasts::Claims).map(|(key, _)| *key).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |map| map.len())
    }
}

impl Drop for Extensions {
    fn drop(&mut self) {
        if let Some(map) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            drop_unlocked(map);
        }
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extensions").field(&self.len()).finish()
    }
}

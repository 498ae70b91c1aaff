use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::network;

/// How many connections each address has; addresses without one are not in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The right of an address to one connection, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// A place among `most`; `None` if the address has taken all of them.
    pub(crate) fn take(&self, address: IpAddr, most: usize) -> Option<Box<Place>> {
        let address = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= most {
            if *count == 0 {
                counts.remove(&address);
            }
            return None;
        }
        *count += 1;
        Some(Box::new(Place { places: self.clone(), address }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
        // The memory of a burst of addresses is given back.
        if counts.capacity() > 1024 && counts.len() < counts.capacity() / 8 {
            let kept = counts.len() * 2;
            counts.shrink_to(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_as_large_as_there_are_places_taken() {
        let places = Places::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let taken: Vec<_> = (0..50_000).map(|n| places.take(address(n), 1).expect("a place")).collect();
        assert!(places.take(address(7), 1).is_none());
        assert!(places.take(address(50_000), 0).is_none());
        assert_eq!(places.0.lock().expect("no panic").len(), 50_000);
        drop(taken);
        let counts = places.0.lock().expect("no panic");
        assert!(counts.is_empty() && counts.capacity() <= 1024, "{}", counts.capacity());
    }
}

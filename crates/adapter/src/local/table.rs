use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::Keys;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::{mem, slice};

use super::indices::Indices;
use super::lists::{Except, union};
use super::slab::Slab;
use crate::{Handle, Member, Reach, Room, Target};

/// Who is where. Nothing here runs a member's code except for `Member::id`, and nothing here drops a last reference.
#[derive(Default)]
pub(super) struct Table {
    seats: Slab<Seat>,
    rooms: Slab<Occupied>,
    /// Names come from clients, so the hasher must be one that they cannot predict.
    by_name: HashMap<Room, u32>,
    by_id: HashMap<Id, u32>,
    /// Counts members, so that a seat's generation differs from those of all who had it before, even if the slab was cut.
    generation: u32,
    /// Is told of rooms that come into being or end.
    watch: Option<Watch>,
}

pub(super) type Watch = Box<dyn Fn(&Room, bool) + Send + Sync>;

/// A member and where it is; its own room, which it never leaves, is not in the list.
struct Seat {
    member: Arc<dyn Member>,
    rooms: Indices,
    generation: u32,
}

/// A room and who is in it, which is never nobody.
struct Occupied {
    name: Room,
    seats: Indices,
}

impl Table {
    pub(super) fn watched(watch: Watch) -> Self {
        Self { watch: Some(watch), ..Self::default() }
    }

    pub(super) fn add(&mut self, member: Arc<dyn Member>) -> Handle {
        self.generation = self.generation.wrapping_add(1);
        let seat =
            Seat { member: Arc::clone(&member), rooms: Indices::default(), generation: self.generation };
        let index = self.seats.insert(seat);
        // An equal key would stay and keep its member alive.
        let replaced = self.by_id.remove(member.id()).is_some();
        if let (Some(watch), false) = (&self.watch, replaced) {
            let own = Room::new(member.id());
            if !self.by_name.contains_key(&own) {
                watch(&own, true);
            }
        }
        self.by_id.insert(Id(member), index);
        Handle::new(index, self.generation)
    }

    pub(super) fn remove(&mut self, at: Handle) -> Option<Arc<dyn Member>> {
        if !self.contains(at) {
            return None;
        }
        let Seat { member, rooms, .. } = self.seats.remove(at.index())?;
        self.vacate(at.index(), &rooms);
        if self.by_id.get(member.id()) == Some(&at.index()) {
            self.by_id.remove(member.id());
            shrink(&mut self.by_id);
            if let Some(watch) = &self.watch {
                let own = Room::new(member.id());
                if !self.by_name.contains_key(&own) {
                    watch(&own, false);
                }
            }
        }
        Some(member)
    }

    pub(super) fn contains(&self, at: Handle) -> bool {
        self.seats.get(at.index()).is_some_and(|seat| seat.generation == at.generation())
    }

    /// Puts seats, which are sorted, into rooms.
    pub(super) fn join(&mut self, seats: &[u32], rooms: &[Room]) {
        for room in rooms {
            let others: Vec<u32>;
            let joining = match self.own(room) {
                Some(own) if seats.binary_search(own).is_ok() => {
                    others = seats.iter().copied().filter(|seat| seat != own).collect();
                    &others
                }
                _ => seats,
            };
            if joining.is_empty() {
                continue;
            }
            let at = match self.by_name.get(room) {
                Some(at) => *at,
                None => {
                    let at = self.rooms.insert(Occupied { name: room.clone(), seats: Indices::default() });
                    self.by_name.insert(room.clone(), at);
                    if let Some(watch) = self.watch.as_ref().filter(|_| self.own(room).is_none()) {
                        watch(room, true);
                    }
                    at
                }
            };
            let occupied = self.rooms.get_mut(at).expect("named rooms exist");
            occupied.seats.insert_all(joining, |index| {
                self.seats.get_mut(index).expect("the caller knows the seat").rooms.push(at);
            });
        }
    }

    /// Takes seats, which are sorted, out of rooms.
    pub(super) fn leave(&mut self, seats: &[u32], rooms: &[Room]) {
        let mut left = Vec::new();
        for room in rooms {
            let Some(&at) = self.by_name.get(room) else { continue };
            let occupied = self.rooms.get_mut(at).expect("named rooms exist");
            occupied.seats.remove_all(seats, |index| left.push((index, at)));
            self.drop_if_empty(at);
        }
        // One pass over each seat's list, however many rooms it left.
        left.sort_unstable();
        for of_seat in left.chunk_by(|a, b| a.0 == b.0) {
            let index = of_seat[0].0;
            let seat = self.seats.get_mut(index).expect("it was in a room");
            seat.rooms.retain(|at| of_seat.binary_search(&(index, at)).is_err());
        }
    }

    /// Takes a seat out of its plain rooms.
    pub(super) fn leave_all(&mut self, at: Handle) {
        if self.contains(at)
            && let Some(seat) = self.seats.get_mut(at.index())
        {
            let mut left = mem::take(&mut seat.rooms);
            left.retain(|at| {
                let plain = self.rooms.get(at).is_some_and(|room| room.name.is_plain());
                if !plain {
                    seat.rooms.push(at);
                }
                plain
            });
            self.vacate(at.index(), &left);
        }
    }

    pub(super) fn rooms_of(&self, index: u32) -> Vec<Room> {
        let Some(seat) = self.seats.get(index) else { return Vec::new() };
        let joined = seat.rooms.iter().filter_map(|at| self.rooms.get(*at)).map(|room| room.name.clone());
        std::iter::once(Room::new(seat.member.id())).chain(joined).collect()
    }

    pub(super) fn find(&self, id: &str) -> Option<&Arc<dyn Member>> {
        let index = self.by_id.get(id)?;
        self.seats.get(*index).map(|seat| &seat.member)
    }

    /// Visits the seats that are meant, each once and in ascending order.
    pub(super) fn select<'a>(&'a self, to: &Target, mut visit: impl FnMut(u32, &'a Arc<dyn Member>)) {
        if to.flags.reach == Reach::Elsewhere {
            return;
        }
        let mut excepted = self.lists(&to.except);
        let merged;
        if excepted.len() > ASKED_ONE_BY_ONE {
            merged = union(&excepted);
            excepted = vec![&merged];
        }
        let mut except = Except::new(excepted);
        if to.rooms.is_empty() {
            for (index, seat) in self.seats.iter() {
                if !except.contains(index) {
                    visit(index, &seat.member);
                }
            }
            return;
        }
        for &index in union(&self.lists(&to.rooms)).iter() {
            if !except.contains(index) {
                visit(index, &self.seats.get(index).expect("rooms have no empty seats").member);
            }
        }
    }

    /// Returns the seats that are meant, sorted.
    pub(super) fn indices(&self, to: &Target) -> Vec<u32> {
        let mut indices = Vec::new();
        self.select(to, |index, _| indices.push(index));
        indices
    }

    pub(super) fn room_names(&self) -> Keys<'_, Room, u32> {
        self.by_name.keys()
    }

    pub(super) fn member_count(&self) -> usize {
        self.by_id.len()
    }

    /// Finds the sorted lists of the seats in each of these rooms, the virtual own rooms included.
    fn lists(&self, rooms: &[Room]) -> Vec<&[u32]> {
        let mut lists = Vec::new();
        for room in rooms {
            lists.extend(self.own(room).map(slice::from_ref));
            let at = self.by_name.get(room);
            lists.extend(at.and_then(|at| self.rooms.get(*at)).map(|occupied| &*occupied.seats));
        }
        lists
    }

    /// Returns the seat whose own room this is.
    fn own(&self, room: &Room) -> Option<&u32> {
        if room.is_plain() { self.by_id.get(room.name()) } else { None }
    }

    fn vacate(&mut self, index: u32, rooms: &[u32]) {
        for &at in rooms {
            let occupied = self.rooms.get_mut(at).expect("an occupied room exists");
            occupied.seats.remove_all(&[index], |_| {});
            self.drop_if_empty(at);
        }
    }

    fn drop_if_empty(&mut self, at: u32) {
        if self.rooms.get(at).is_some_and(|occupied| occupied.seats.is_empty())
            && let Some(occupied) = self.rooms.remove(at)
        {
            self.by_name.remove(&occupied.name);
            shrink(&mut self.by_name);
            if let Some(watch) = self.watch.as_ref().filter(|_| self.own(&occupied.name).is_none()) {
                watch(&occupied.name, false);
            }
        }
    }
}

/// A member as the key by which it is found, so that ids are not stored twice.
struct Id(Arc<dyn Member>);

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        self.0.id()
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for Id {}

/// Gives memory back after a burst.
fn shrink<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    if map.len() < map.capacity() / 4 {
        map.shrink_to(2 * map.len());
    }
}

/// Beyond this many excepted rooms, merging their lists once beats asking each of them about every target.
const ASKED_ONE_BY_ONE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_seat_and_a_room_take_tens_of_bytes() {
        assert_eq!(size_of::<Option<Seat>>(), 48);
        assert_eq!(size_of::<Option<Occupied>>(), 48);
        assert_eq!(size_of::<(Id, u32)>(), 24);
    }
}

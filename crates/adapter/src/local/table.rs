use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::{mem, slice};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::indices::Indices;
use super::lists::{Except, union};
use super::slab::Slab;
use crate::{Handle, Member, Reach, Room, Target};

/// Who is where. Nothing here runs a member's code except for `Member::id`, and nothing here drops a last reference.
#[derive(Default)]
pub(super) struct Table {
    seats: Slab<Seat>,
    rooms: Slab<Occupied>,
    /// Indices of `rooms`, by the hash of the room's name.
    by_name: HashTable<u32>,
    /// Indices of `seats`, by the hash of the member's id.
    by_id: HashTable<u32>,
    /// Names come from clients, so the hasher must be one that they cannot predict.
    hasher: RandomState,
    /// Counts members, so that a seat's generation differs from those of all who had it before, even if the slab was cut.
    generation: u32,
    /// Rooms that have come into being or ended, in order, if somebody wants to hear of them.
    news: Option<Vec<News>>,
}

/// A room, and whether it has come into being; if not, it has ended.
pub(super) type News = (Room, bool);

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
    /// One that has news.
    pub(super) fn watched() -> Self {
        Self { news: Some(Vec::new()), ..Self::default() }
    }

    pub(super) fn has_news(&self) -> bool {
        self.news.as_ref().is_some_and(|news| !news.is_empty())
    }

    pub(super) fn take_news(&mut self) -> Vec<News> {
        self.news.as_mut().map(mem::take).unwrap_or_default()
    }

    /// The number of the member that came last.
    pub(super) fn latest(&self) -> u32 {
        self.generation
    }

    /// Whether the member at this index came behind the one with this number.
    pub(super) fn is_later(&self, index: u32, than: u32) -> bool {
        let later = |seat: &Seat| (1..=u32::MAX / 2).contains(&seat.generation.wrapping_sub(than));
        self.seats.get(index).is_some_and(later)
    }

    pub(super) fn add(&mut self, member: Arc<dyn Member>) -> Handle {
        self.generation = self.generation.wrapping_add(1);
        let seat =
            Seat { member: Arc::clone(&member), rooms: Indices::default(), generation: self.generation };
        let index = self.seats.insert(seat);
        let id = member.id();
        let hash = self.hash(id);
        let (seats, hasher) = (&self.seats, &self.hasher);
        let is_it = |at: &u32| seats.get(*at).is_some_and(|seat| seat.member.id() == id);
        match self.by_id.entry(hash, is_it, |at| hash_of_seat(seats, hasher, *at)) {
            Entry::Occupied(mut former) => *former.get_mut() = index,
            Entry::Vacant(entry) => {
                entry.insert(index);
                self.own_room(id, hash, true);
            }
        }
        Handle::new(index, self.generation)
    }

    pub(super) fn remove(&mut self, at: Handle) -> Option<Arc<dyn Member>> {
        if !self.contains(at) {
            return None;
        }
        let Seat { member, rooms, .. } = self.seats.remove(at.index())?;
        self.vacate(at.index(), &rooms);
        let hash = self.hash(member.id());
        // Another with the same id may have taken the entry over.
        if let Ok(entry) = self.by_id.find_entry(hash, |other| *other == at.index()) {
            entry.remove();
            let (seats, hasher) = (&self.seats, &self.hasher);
            shrink(&mut self.by_id, |at| hash_of_seat(seats, hasher, *at));
            self.own_room(member.id(), hash, false);
        }
        Some(member)
    }

    /// A socket's own room begins or ends, unless others are in a room of this name.
    fn own_room(&mut self, id: &str, hash: u64, opened: bool) {
        if self.news.is_some() {
            let own = Room::new(id);
            if self.room(&own, hash).is_none() {
                self.note(&own, opened);
            }
        }
    }

    fn note(&mut self, room: &Room, opened: bool) {
        if let Some(news) = &mut self.news {
            news.push((room.clone(), opened));
        }
    }

    pub(super) fn contains(&self, at: Handle) -> bool {
        self.seats.get(at.index()).is_some_and(|seat| seat.generation == at.generation())
    }

    /// Puts seats, which are sorted, into rooms.
    pub(super) fn join(&mut self, seats: &[u32], rooms: &[Room]) {
        for room in rooms {
            let others: Vec<u32>;
            let hash = self.hash(room.name());
            let joining = match self.own(room, hash) {
                Some(own) if seats.binary_search(own).is_ok() => {
                    others = seats.iter().copied().filter(|seat| seat != own).collect();
                    &others
                }
                _ => seats,
            };
            if joining.is_empty() {
                continue;
            }
            let at = match self.room(room, hash) {
                Some(at) => at,
                None => {
                    let at = self.rooms.insert(Occupied { name: room.clone(), seats: Indices::default() });
                    let (rooms, hasher) = (&self.rooms, &self.hasher);
                    self.by_name.insert_unique(hash, at, |at| hash_of_room(rooms, hasher, *at));
                    if self.news.is_some() && self.own(room, hash).is_none() {
                        self.note(room, true);
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
            let Some(at) = self.room(room, self.hash(room.name())) else { continue };
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
        let index = self.seat(id, self.hash(id))?;
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

    pub(super) fn room_names(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().map(|(_, occupied)| &occupied.name)
    }

    pub(super) fn room_count(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn member_count(&self) -> usize {
        self.by_id.len()
    }

    /// Finds the sorted lists of the seats in each of these rooms, the virtual own rooms included.
    fn lists(&self, rooms: &[Room]) -> Vec<&[u32]> {
        let mut lists = Vec::new();
        for room in rooms {
            let hash = self.hash(room.name());
            lists.extend(self.own(room, hash).map(slice::from_ref));
            let at = self.room(room, hash);
            lists.extend(at.and_then(|at| self.rooms.get(at)).map(|occupied| &*occupied.seats));
        }
        lists
    }

    /// Hashes an id or a room's name: a plain room's is that of the member whose own room it may be.
    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Returns the seat whose own room this is.
    fn own(&self, room: &Room, hash: u64) -> Option<&u32> {
        if room.is_plain() { self.seat(room.name(), hash) } else { None }
    }

    fn seat(&self, id: &str, hash: u64) -> Option<&u32> {
        self.by_id.find(hash, |at| self.seats.get(*at).is_some_and(|seat| seat.member.id() == id))
    }

    fn room(&self, room: &Room, hash: u64) -> Option<u32> {
        let is_it = |at: &u32| self.rooms.get(*at).is_some_and(|occupied| occupied.name == *room);
        self.by_name.find(hash, is_it).copied()
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
            let hash = self.hash(occupied.name.name());
            if let Ok(entry) = self.by_name.find_entry(hash, |other| *other == at) {
                entry.remove();
            }
            let (rooms, hasher) = (&self.rooms, &self.hasher);
            shrink(&mut self.by_name, |at| hash_of_room(rooms, hasher, *at));
            if self.news.is_some() && self.own(&occupied.name, hash).is_none() {
                self.note(&occupied.name, false);
            }
        }
    }
}

fn hash_of_seat(seats: &Slab<Seat>, hasher: &RandomState, at: u32) -> u64 {
    hasher.hash_one(seats.get(at).expect("listed seats exist").member.id())
}

fn hash_of_room(rooms: &Slab<Occupied>, hasher: &RandomState, at: u32) -> u64 {
    hasher.hash_one(rooms.get(at).expect("listed rooms exist").name.name())
}

/// Gives memory back after a burst.
fn shrink(table: &mut HashTable<u32>, hash: impl Fn(&u32) -> u64) {
    if table.len() < table.capacity() / 4 {
        table.shrink_to(2 * table.len(), hash);
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
    }
}

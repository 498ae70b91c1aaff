use std::sync::atomic::Ordering;

use tower_socketio_adapter::{Handle, IntoRooms, Room};

use super::Socket;
use super::socket::{ACTIVE, CLOSED};

/// Rooms.
impl Socket {
    /// Joins rooms, at once; before acceptance they count from it.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut list = Vec::new();
        rooms.into_rooms(&mut list);
        self.with_rooms(
            |held| held.extend(list.iter().cloned()),
            |handle| self.0.space.adapter().join(handle, &list),
        );
    }

    /// Leaves rooms, at once.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut list = Vec::new();
        rooms.into_rooms(&mut list);
        self.with_rooms(
            |held| held.retain(|room| !list.contains(room)),
            |handle| self.0.space.adapter().leave(handle, &list),
        );
    }

    /// Leaves all rooms but its own and, if it has a user, the user's.
    pub fn leave_all(&self) {
        self.with_rooms(
            |held| held.retain(|room| !room.is_plain()),
            |handle| self.0.space.adapter().leave_all(handle),
        );
    }

    /// The rooms it is in, its own first; in `on_disconnecting` those that it was in.
    ///
    /// A socket that has a user is in that user's room and in [`Room::users`], too; [`Room::is_plain`] tells those that
    /// strings name.
    pub fn rooms(&self) -> Vec<Room> {
        let state = self.state();
        match (self.0.phase.load(Ordering::Acquire), self.0.handle.get()) {
            (ACTIVE, Some(handle)) => {
                drop(state);
                self.0.space.adapter().rooms(*handle)
            }
            (CLOSED, _) => state.rooms().to_vec(),
            _ => {
                let mut rooms = vec![Room::new(self.id())];
                for room in state.rooms() {
                    if !rooms.contains(room) {
                        rooms.push(room.clone());
                    }
                }
                rooms
            }
        }
    }

    fn with_rooms(&self, held: impl FnOnce(&mut Vec<Room>), live: impl FnOnce(Handle)) {
        let mut state = self.state();
        match (self.0.phase.load(Ordering::Acquire), self.0.handle.get()) {
            (ACTIVE, Some(handle)) => {
                drop(state);
                live(*handle);
            }
            (CLOSED, _) => {}
            _ => held(&mut state.aside().rooms),
        }
    }

    /// Says whose socket this is: it joins the user's room and that of all users, which no client can name, and leaves a
    /// former user's.
    pub fn set_user(&self, user: impl Into<String>) {
        let mut room = Room::user(user.into());
        let before = self.state().user.replace(room.clone());
        if let Some(before) = before.filter(|before| *before != room) {
            self.leave(before);
        }
        loop {
            self.join([room.clone(), Room::users()]);
            // Who is told last has it, and each who leaves or joins looks again afterwards.
            let now = self.state().user.clone();
            match now {
                Some(user) if user != room => self.leave(std::mem::replace(&mut room, user)),
                _ => return,
            }
        }
    }

    /// Whose socket this is, if anybody said.
    pub fn user(&self) -> Option<String> {
        self.state().user.as_ref().map(|room| room.name().to_owned())
    }
}

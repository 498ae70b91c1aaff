use std::fmt;
use std::sync::Arc;

/// A room: a plain name, a user, or all users together.
///
/// The kinds never meet. [`Room::new`] makes plain rooms only, whatever the string, so a handler may join rooms whose
/// names a client sent without reaching what is meant for a user. Cloning is cheap.
///
/// ```
/// use tower_socketio_adapter::Room;
///
/// assert_eq!(Room::new("lobby"), "lobby");
/// assert_ne!(Room::new("user:42"), Room::user("42"));
/// assert_ne!(Room::user(""), Room::users());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room {
    kind: Kind,
    name: Arc<str>,
}

impl Room {
    /// Names a plain room.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { kind: Kind::Plain, name: name.into() }
    }

    /// Names the room of a user, in which all sockets of that user are.
    pub fn user(user: impl AsRef<str>) -> Self {
        Self { kind: Kind::User, name: user.as_ref().into() }
    }

    /// Names the room in which all sockets are that have a user, whoever that is.
    pub fn users() -> Self {
        Self { kind: Kind::Users, name: "".into() }
    }

    /// Returns the name of a plain room, or the user of a user's room; that of all users has none, `""`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether this is a room that strings name, neither a user's nor that of all users.
    pub fn is_plain(&self) -> bool {
        self.kind == Kind::Plain
    }

    /// Returns whether this is a user's room.
    pub fn is_user(&self) -> bool {
        self.kind == Kind::User
    }
}

/// Shows a plain room by its name, a user's room as `user:` and the user, and that of all users as `users`; meant for
/// people, not for parsing.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Plain => f.write_str(&self.name),
            Kind::User => write!(f, "user:{}", self.name),
            Kind::Users => f.write_str("users"),
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Plain => write!(f, "Room({:?})", self.name),
            Kind::User => write!(f, "Room::user({:?})", self.name),
            Kind::Users => f.write_str("Room::users()"),
        }
    }
}

/// Only a plain room equals a string.
impl PartialEq<str> for Room {
    fn eq(&self, name: &str) -> bool {
        self.kind == Kind::Plain && *self.name == *name
    }
}

/// Only a plain room equals a string.
impl PartialEq<&str> for Room {
    fn eq(&self, name: &&str) -> bool {
        *self == **name
    }
}

impl From<&str> for Room {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Room {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Plain,
    User,
    Users,
}

/// What names rooms: `&str`, `String`, [`Room`], references to them, and arrays, `Vec`s and slices of them.
///
/// Strings name plain rooms only.
///
/// ```
/// use tower_socketio_adapter::{IntoRooms, Room};
///
/// let mut rooms = Vec::new();
/// "lobby".into_rooms(&mut rooms);
/// [Room::user("42"), Room::new("staff")].into_rooms(&mut rooms);
/// vec![String::from("garden")].into_rooms(&mut rooms);
/// assert_eq!(rooms.len(), 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name rooms",
    note = "give a `&str`, `String` or `Room`, or an array or `Vec` of them"
)]
pub trait IntoRooms {
    /// Appends the named rooms to `out`.
    fn into_rooms(self, out: &mut Vec<Room>);
}

impl IntoRooms for Room {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(self);
    }
}

impl IntoRooms for &Room {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(self.clone());
    }
}

impl IntoRooms for &str {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(Room::new(self));
    }
}

// For slices of `&str`, whose items are borrowed once more.
impl IntoRooms for &&str {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(Room::new(*self));
    }
}

impl IntoRooms for String {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(Room::new(self));
    }
}

impl IntoRooms for &String {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(Room::new(self.as_str()));
    }
}

/// The socket's own room: `io.to(&remote)` is that socket alone, on whichever node.
impl IntoRooms for &crate::RemoteSocket {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.push(Room::new(self.id.as_str()));
    }
}

impl<R: IntoRooms, const N: usize> IntoRooms for [R; N] {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.reserve(N);
        self.into_iter().for_each(|room| room.into_rooms(out));
    }
}

impl<'a, R, const N: usize> IntoRooms for &'a [R; N]
where
    &'a R: IntoRooms,
{
    fn into_rooms(self, out: &mut Vec<Room>) {
        self.as_slice().into_rooms(out);
    }
}

impl<R: IntoRooms> IntoRooms for Vec<R> {
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.reserve(self.len());
        self.into_iter().for_each(|room| room.into_rooms(out));
    }
}

impl<'a, R> IntoRooms for &'a Vec<R>
where
    &'a R: IntoRooms,
{
    fn into_rooms(self, out: &mut Vec<Room>) {
        self.as_slice().into_rooms(out);
    }
}

impl<'a, R> IntoRooms for &'a [R]
where
    &'a R: IntoRooms,
{
    fn into_rooms(self, out: &mut Vec<Room>) {
        out.reserve(self.len());
        self.iter().for_each(|room| room.into_rooms(out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(of: impl IntoRooms) -> Vec<Room> {
        let mut out = Vec::new();
        of.into_rooms(&mut out);
        out
    }

    #[test]
    fn everything_that_names_rooms_gives_the_same_rooms() {
        let expected = [Room::new("a"), Room::new("b")];
        let strings = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(rooms(["a", "b"]), expected);
        let borrowed = vec!["a", "b"];
        assert_eq!(rooms(&borrowed), expected);
        assert_eq!(rooms(borrowed.as_slice()), expected);
        assert_eq!(rooms(borrowed), expected);
        assert_eq!(rooms(&strings), expected);
        assert_eq!(rooms(strings.as_slice()), expected);
        assert_eq!(rooms([&strings[0], &strings[1]]), expected);
        assert_eq!(rooms(strings), expected);
        assert_eq!(rooms(&expected), expected);
        assert_eq!(rooms(&expected[0]), [Room::new("a")]);
        assert_eq!(rooms(expected.clone()), expected);
        assert_eq!(rooms([["a"], ["b"]]), expected);
    }

    #[test]
    fn a_users_room_is_equal_to_no_plain_room_and_to_no_string() {
        let user = Room::user("42");
        for name in ["42", "user:42", "user/42", "Room::user(\"42\")"] {
            assert_ne!(user, Room::new(name));
            assert_ne!(user, Room::from(name.to_owned()));
            assert_ne!(user, name);
        }
        assert!(user.is_user());
        assert_eq!(user.name(), "42");
        assert_eq!(user.to_string(), "user:42");
    }

    #[test]
    fn the_room_of_all_users_is_equal_to_no_other_room_and_to_no_string() {
        let users = Room::users();
        for name in ["", "users", "user:", "Room::users()"] {
            assert_ne!(users, Room::new(name));
            assert_ne!(users, Room::user(name));
            assert_ne!(users, name);
        }
        assert_eq!(users, Room::users());
        assert!(!users.is_user() && !users.is_plain());
        assert_eq!(format!("{users} {users:?}"), "users Room::users()");
    }

    #[test]
    fn a_plain_room_shows_its_name_and_equals_it() {
        let room = Room::new("lobby");
        assert!(!room.is_user() && room.is_plain());
        assert_eq!(room, "lobby");
        assert_eq!(room.to_string(), "lobby");
        assert_eq!(format!("{room:?} {:?}", Room::user("4")), r#"Room("lobby") Room::user("4")"#);
    }
}

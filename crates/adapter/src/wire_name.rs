use std::borrow::Cow;

use crate::Room;

/// What stands before the user in the wire name of a user's room.
const USER: &str = "$user:";
/// The wire name of the room of all users.
const USERS: &str = "$users";

impl Room {
    /// Returns the name by which other nodes know the room: one string for each room, and one room for each string.
    ///
    /// A plain room is its name, a user's room is `$user:` and the user, and that of all users is `$users`, so a Node
    /// server reaches a user by `io.to("$user:42")`. A plain room with such a name gets one more `$`.
    ///
    /// ```
    /// use tower_socketio_adapter::Room;
    ///
    /// assert_eq!(Room::new("lobby").wire_name(), "lobby");
    /// assert_eq!(Room::user("42").wire_name(), "$user:42");
    /// assert_eq!(Room::users().wire_name(), "$users");
    /// assert_eq!(Room::new("$user:42").wire_name(), "$$user:42");
    /// ```
    pub fn wire_name(&self) -> Cow<'_, str> {
        let name = self.name();
        if self.is_user() {
            Cow::Owned(format!("{USER}{name}"))
        } else if !self.is_plain() {
            Cow::Borrowed(USERS)
        } else if is_escaped(name) {
            Cow::Owned(format!("${name}"))
        } else {
            Cow::Borrowed(name)
        }
    }

    /// Returns the room that other nodes know by this name; the inverse of [`wire_name`](Self::wire_name).
    pub fn from_wire_name(name: &str) -> Self {
        match name.strip_prefix(USER) {
            Some(user) => Self::user(user),
            None if name == USERS => Self::users(),
            None if is_escaped(name) => Self::new(&name[1..]),
            None => Self::new(name),
        }
    }
}

/// Whether this is `users`, or begins with `user:`, behind at least one `$`.
fn is_escaped(name: &str) -> bool {
    let rest = name.trim_start_matches('$');
    rest.len() < name.len() && (rest.starts_with(&USER[1..]) || rest == &USERS[1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), r"\$*(user[:s]?)?(\$|user:|[a-z])*", r"\$*users"]
    }

    proptest! {
        #[test]
        fn every_room_comes_back_from_its_wire_name(name in name(), user in any::<bool>()) {
            let room = if user { Room::user(&name) } else { Room::new(name) };
            prop_assert_eq!(Room::from_wire_name(&room.wire_name()), room);
        }

        #[test]
        fn every_wire_name_comes_back_from_its_room(name in name()) {
            let room = Room::from_wire_name(&name);
            prop_assert_eq!(room.wire_name(), name);
        }

        #[test]
        fn no_plain_room_has_the_wire_name_of_a_users(plain in name(), user in name()) {
            let (plain, user, users) = (Room::new(plain), Room::user(user), Room::users());
            prop_assert_ne!(plain.wire_name(), user.wire_name());
            prop_assert_ne!(plain.wire_name(), users.wire_name());
            prop_assert_ne!(user.wire_name(), users.wire_name());
        }
    }

    #[test]
    fn the_room_of_all_users_comes_back_from_its_wire_name() {
        assert_eq!(Room::from_wire_name("$users"), Room::users());
        assert_eq!(Room::from_wire_name(&Room::users().wire_name()), Room::users());
        for plain in ["users", "$users", "$$users", "$usersx", ""] {
            assert_eq!(Room::from_wire_name(&Room::new(plain).wire_name()), Room::new(plain));
        }
    }
}

use std::borrow::Cow;
use std::sync::Arc;

use tower_socketio_adapter::Room;

/// What stands for a user: a string, or a type of the program's own.
///
/// The id is what [`Socket::set_user`](crate::Socket::set_user) was told, or the `user` function of a layer such as
/// [`TicketLayer`](crate::TicketLayer).
///
/// ```
/// use std::borrow::Cow;
///
/// use tower_socketio::UserId;
///
/// struct Account { number: u64, guest: bool }
///
/// impl UserId for Account {
///     fn user_id(&self) -> Option<Cow<'_, str>> {
///         (!self.guest).then(|| self.number.to_string().into())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not stand for a user",
    note = "strings do; for a type of your own `impl UserId for {Self}`"
)]
pub trait UserId {
    /// The user's id; `None` for somebody who is not to be reached, as guests, who would all share one id.
    fn user_id(&self) -> Option<Cow<'_, str>>;
}

impl UserId for str {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        Some(self.into())
    }
}

impl UserId for String {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        self.as_str().user_id()
    }
}

impl<U: UserId + ?Sized> UserId for &U {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        (**self).user_id()
    }
}

impl<U: UserId + ?Sized> UserId for Arc<U> {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        (**self).user_id()
    }
}

/// Whom a message is for: one [`UserId`], or an iterator of them such as an array, a `Vec`, a set or an `Option`.
///
/// `Number` is inferred; it keeps the two apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name users",
    note = "give a string or something that is `UserId`, or an array, a `Vec` or another iterator of them"
)]
pub trait IntoUsers<Number> {
    /// Appends the users' rooms to `out`.
    fn into_users(self, out: &mut Vec<Room>);
}

/// Marks what is one user.
#[derive(Debug)]
pub enum One {}

/// Marks what is any number of users.
#[derive(Debug)]
pub enum Many {}

impl<U: UserId> IntoUsers<One> for U {
    fn into_users(self, out: &mut Vec<Room>) {
        out.extend(self.user_id().map(Room::user));
    }
}

impl<I: IntoIterator<Item: UserId>> IntoUsers<Many> for I {
    fn into_users(self, out: &mut Vec<Room>) {
        out.extend(self.into_iter().filter_map(|user| user.user_id().map(Room::user)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    struct Account(Option<&'static str>);

    impl UserId for Account {
        fn user_id(&self) -> Option<Cow<'_, str>> {
            self.0.map(Cow::from)
        }
    }

    /// The users of the rooms.
    fn named<Number>(users: impl IntoUsers<Number>) -> Vec<String> {
        let mut out = Vec::new();
        users.into_users(&mut out);
        assert!(out.iter().all(Room::is_user));
        out.iter().map(|room| room.name().to_owned()).collect()
    }

    #[test]
    fn everything_that_names_users_gives_their_rooms() {
        let both = ["ada", "bob"];
        let strings = vec!["ada".to_owned(), "bob".to_owned()];
        let accounts = [Account(None), Account(Some("bob"))];
        assert_eq!(named("ada"), ["ada"]);
        assert_eq!(named(String::from("ada")), ["ada"]);
        assert_eq!(named(&strings[0]), ["ada"]);
        assert_eq!(named(Arc::<str>::from("ada")), ["ada"]);
        assert_eq!(named(both), both);
        assert_eq!(named(both.as_slice()), both);
        assert_eq!(named(&strings), both);
        assert_eq!(named(strings.iter().cloned().collect::<BTreeSet<_>>()), both);
        assert_eq!(named(strings), both);
        assert_eq!(named(Some("ada")), ["ada"]);
        assert!(named(None::<&str>).is_empty());
        assert!(named(&accounts[0]).is_empty());
        assert_eq!(named(&accounts), ["bob"]);
        assert_eq!(named(Account(Some("ada"))), ["ada"]);
    }
}

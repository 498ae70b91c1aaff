use std::time::Duration;

use super::{FromContext, OptionalFromContext};
use crate::hub::{Context, WireError};

/// The socket is of somebody who came back: [`on_reconnect`](crate::Namespace::on_reconnect).
///
/// It stays with the socket, so later handlers can ask for it too. `Option<Reconnected>` is `None` where nobody came
/// back; without the `Option` that is a refusal with the code `not_reconnected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnected {
    /// By what it is known that this is one who was here.
    pub by: By,
    /// How long ago the socket left that was here: the one that is back, or one of this user.
    pub away: Duration,
}

/// By what it is known that somebody came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The client's lost connection was [recovered](crate::Socket::recovered).
    Recovery,
    /// A socket of the same [user](crate::Socket::user) was here: nothing but that is the same.
    User,
}

impl Reconnected {
    pub(crate) fn new(by: By, away: Duration) -> Self {
        Self { by, away }
    }
}

impl<C: Context, S: Sync> FromContext<C, S> for Reconnected {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        let missing = || WireError::new("this is no reconnect").code("not_reconnected");
        cx.socket().extensions().get().ok_or_else(missing)
    }
}

impl<C: Context, S: Sync> OptionalFromContext<C, S> for Reconnected {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(cx.socket().extensions().get())
    }
}

use std::time::Duration;

use super::{FromContext, OptionalFromContext};
use crate::hub::{Context, WireError};

/// The socket is of a user who came back: [`on_reconnect`](crate::Namespace::on_reconnect).
///
/// It stays with the socket, so later handlers can ask for it too. `Option<Reconnected>` is `None` where nobody came
/// back; without the `Option` that is a refusal with the code `not_reconnected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnected {
    /// How long ago a socket of this user left.
    pub away: Duration,
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

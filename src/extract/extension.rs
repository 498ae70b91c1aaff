use super::{FromContext, OptionalFromContext};
use crate::hub::{Context, WireError};

/// Data of the socket, put there with [`Extensions::insert`](crate::Extensions::insert).
///
/// Its absence is an error of the server: the client reads "internal error" and the log names the type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> FromContext<C, S> for Extension<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        cx.socket().extensions().get().map(Self).ok_or_else(missing::<T>)
    }
}

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> OptionalFromContext<C, S> for Extension<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(cx.socket().extensions().get().map(Self))
    }
}

pub(super) fn missing<T>() -> WireError {
    let name = std::any::type_name::<T>();
    std::io::Error::other(format!("the socket has no extension of the type `{name}`")).into()
}

use super::{FromContext, OptionalFromContext};
use crate::hub::{Context, WireError};

/// Data of the event, the socket, the connection or the request, in this order.
///
/// An event's is what a layer put there with [`PacketRequest::extensions_mut`](crate::PacketRequest::extensions_mut), a
/// socket's and a connection's what was [inserted](crate::Extensions::insert), and the request's what an outer HTTP layer
/// left in it: a handler of `on_connect` that asks for it makes it the socket's, and
/// [`keep_extension`](crate::Builder::keep_extension) makes it the connection's, for namespaces entered later.
///
/// Its absence is an error of the server: the client reads "internal error" and the log names the type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> FromContext<C, S> for Extension<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        find(cx).map(Self).ok_or_else(missing::<T>)
    }
}

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> OptionalFromContext<C, S> for Extension<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(find(cx).map(Self))
    }
}

/// In `on_connect` what an outer HTTP layer left in the request is the socket's from then on.
pub(super) fn find<C: Context, T: Clone + Send + Sync + 'static>(cx: &C) -> Option<T> {
    if let Some(own) = cx.own_extensions().and_then(|own| own.get::<T>()) {
        return Some(own.clone());
    }
    let extensions = cx.socket().extensions();
    extensions.get().or_else(|| cx.socket().conn().extensions().get()).or_else(|| {
        let value: T = cx.request_extensions()?.get::<T>()?.clone();
        extensions.insert_for_connection(value.clone());
        Some(value)
    })
}

pub(super) fn missing<T>() -> WireError {
    let name = std::any::type_name::<T>();
    std::io::Error::other(format!("the socket has no extension of the type `{name}`")).into()
}

use std::marker::PhantomData;
use std::sync::Arc;

use super::Controller;
use crate::extract::{FromContext, OptionalFromContext};
use crate::hub::{ConnectRequest, Context, WireError};

/// The socket's controller of this type.
///
/// It is an error of the server that the namespace has none: the client reads "internal error" and the log names the
/// type. When the client has left and the disconnect hooks have run there is none, either.
impl<C: Context, S: Sync, T: Controller<S>> FromContext<C, S> for Arc<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        cx.socket().kept().ok_or_else(|| {
            if cx.socket().has_ended() {
                return gone();
            }
            let name = std::any::type_name::<T>();
            std::io::Error::other(format!("the socket has no controller of the type `{name}`")).into()
        })
    }
}

impl<C: Context, S: Sync, T: Controller<S>> OptionalFromContext<C, S> for Arc<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(cx.socket().kept())
    }
}

/// The argument that opens a controller.
pub(super) struct Opened<T>(PhantomData<fn() -> T>);

impl<S: Sync, T: Controller<S>> FromContext<ConnectRequest, S> for Opened<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut ConnectRequest, state: &S) -> Result<Self, WireError> {
        // A namespace may have been merged from two that have it.
        if cx.socket().kept::<T>().is_none() {
            let controller = Arc::new(T::open(cx, state).await?);
            if !cx.socket().keep(controller) {
                return Err(gone());
            }
        }
        Ok(Self(PhantomData))
    }
}

fn gone() -> WireError {
    WireError::new("the client has left").code("gone")
}

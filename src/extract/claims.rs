use std::any::type_name;
use std::marker::PhantomData;

use super::{FromContext, OptionalFromContext};
use crate::hub::{Claims, Context, Socket, WireError};

/// The mark of a socket that a layer, which would have given claims of this type, let in without.
struct Guest<T>(PhantomData<fn() -> T>);

impl<T> Clone for Guest<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T: 'static> Claims<T> {
    /// For layers: notes that this socket is let in without claims of this type, so that a handler which needs them
    /// tells its client that a token is needed.
    pub fn welcome_guest(socket: &Socket) {
        socket.extensions().insert_for_connection(Guest::<T>(PhantomData));
    }
}

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> FromContext<C, S> for Claims<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        let extensions = cx.socket().extensions();
        match extensions.get() {
            Some(claims) => Ok(claims),
            None if extensions.get::<Guest<T>>().is_some() => {
                Err(WireError::new("a token is needed").code("no_token"))
            }
            None => Err(missing::<T>()),
        }
    }
}

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> OptionalFromContext<C, S> for Claims<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(cx.socket().extensions().get())
    }
}

fn missing<T>() -> WireError {
    let name = type_name::<T>();
    let advice = format!(
        "nobody has given the socket `Claims<{name}>`: add `JwtLayer::<{name}>`, or another layer that gives them, as a `connect_layer`"
    );
    std::io::Error::other(advice).into()
}

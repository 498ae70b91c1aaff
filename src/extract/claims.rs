use std::any::type_name;
use std::marker::PhantomData;

use super::{FromContext, OptionalFromContext};
use crate::hub::{Context, Socket, WireError};

/// What a layer around CONNECTs has verified of the client: its user, never what the client says of itself.
///
/// `JwtLayer` (with the feature `jwt`) gives them, and so does any layer that calls
/// `socket.extensions().insert(Claims(value))`. `Option<Claims<T>>` is `None` for a guest.
///
/// If no layer gives claims of this type, that is an error of the server: the client reads "internal error" and the log
/// says what is missing. For a guest of a layer that lets guests in it is "a token is needed", with the code `no_token`.
///
/// # Example
///
/// ```
/// use tower_socketio::{Ack, Claims, ConnectRequest, Namespace, WireError, connect};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// let namespace: Namespace = Namespace::new()
///     .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
///         let Some("open sesame") = request.query("password") else {
///             return Err(WireError::new("who are you?").code("unauthorized"));
///         };
///         request.socket().extensions().insert(Claims(User("Ali Baba".into())));
///         next.run(request).await
///     }))
///     .on("who", async |Claims(User(name)): Claims<User>| Ack(name));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims<T>(pub T);

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

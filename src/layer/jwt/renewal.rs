use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::JwtError;
use super::session::Session;
use crate::extract::FromContext;
use crate::hub::{Context, Socket, WireError};

/// In a socket's extensions.
pub(super) struct Renewable<C>(pub(super) Arc<Session<C>>);

/// Replaces a socket's token by a newer one while it is connected; an argument of any handler.
///
/// # Example
///
/// ```
/// use tower_socketio::{Data, JwtError, JwtLayer, Namespace, Renewal};
///
/// #[derive(Clone, serde::Deserialize)]
/// struct User {
///     sub: String,
/// }
///
/// async fn renew(renewal: Renewal<User>, Data(token): Data<String>) -> Result<(), JwtError> {
///     renewal.renew(&token).await?;
///     Ok(())
/// }
///
/// let jwt = JwtLayer::<User>::hs256("a secret of 32 bytes or more ....").disconnect_on_expiry(true);
/// let namespace: Namespace = Namespace::new().connect_layer(jwt).on("renew", renew);
/// ```
pub struct Renewal<C> {
    socket: Socket,
    session: Arc<Session<C>>,
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Renewal<C> {
    /// Verifies a token as the layer does for a client that comes in, and takes it for the one before: from now on
    /// `Claims` are its, and so is the time at which the socket is disconnected.
    ///
    /// A guest becomes its user by it. The client's sockets in other namespaces have tokens of their own.
    ///
    /// # Errors
    ///
    /// Whatever the layer refuses a client for, and [`JwtError::OtherUser`] for a token of another
    /// [user](super::JwtLayer::user). The token before then stays.
    pub async fn renew(&self, token: &str) -> Result<C, JwtError> {
        self.session.renew(&self.socket, token).await
    }
}

impl<C: Context, S: Sync, T: Send + Sync + 'static> FromContext<C, S> for Renewal<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        let socket = cx.socket().clone();
        match socket.extensions().get::<Renewable<T>>() {
            Some(Renewable(session)) => Ok(Self { socket, session }),
            None => {
                let name = type_name::<T>();
                let advice =
                    format!("there is no token to renew: add `JwtLayer::<{name}>` as a `connect_layer`");
                Err(std::io::Error::other(advice).into())
            }
        }
    }
}

impl<C> Clone for Renewal<C> {
    fn clone(&self) -> Self {
        Self { socket: self.socket.clone(), session: self.session.clone() }
    }
}

impl<C> Clone for Renewable<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for Renewal<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("socket", &self.socket).finish_non_exhaustive()
    }
}

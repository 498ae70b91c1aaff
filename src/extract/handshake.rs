use std::net::IpAddr;

use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::{FromContext, OptionalFromContext};
use crate::hub::{Context, WireError};

/// The query of the request that opened the connection, typed.
///
/// It is the same in every namespace and at every moment. What an EIO3 client asks a namespace with, `/x?token=1`, is
/// its [`Auth`](crate::Auth).
///
/// # Example
///
/// ```
/// use serde::Deserialize;
/// use tower_socketio::{Ack, Query};
///
/// #[derive(Deserialize)]
/// struct Version {
///     v: u32,
/// }
///
/// async fn version(Query(version): Query<Version>) -> Ack<u32> {
///     Ack(version.v)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<C: Context, S: Sync, T: DeserializeOwned> FromContext<C, S> for Query<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        let query = serde_urlencoded::from_str(cx.socket().conn().query());
        query
            .map(Self)
            .map_err(|error| WireError::new(format!("invalid query: {error}")).code("invalid_query"))
    }
}

/// The headers of the request that opened the connection.
///
/// All of them are there until the client's first namespace has decided; after that only those that
/// [`keep_headers`](crate::Builder::keep_headers) names. A value that is kept longer keeps the whole head of the request
/// in memory.
#[derive(Clone, Default)]
pub struct Headers(pub HeaderMap);

/// The names alone: values may be secret.
impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl<C: Context, S: Sync> FromContext<C, S> for Headers {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        if let Some(all) = cx.request_headers() {
            return Ok(Self(all.clone()));
        }
        let mut kept = HeaderMap::new();
        for (name, value) in &cx.socket().link().handshake().headers {
            kept.append(name, value.clone());
        }
        Ok(Self(kept))
    }
}

/// The address of the client itself: [`Conn::client_ip`](crate::Conn::client_ip).
///
/// Where it is not known, as of a Unix socket, the client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

impl<C: Context, S: Sync> FromContext<C, S> for ClientIp {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        let address = cx.socket().conn().client_ip();
        address.map(Self).ok_or_else(|| WireError::new("your address is not known").code("no_address"))
    }
}

impl<C: Context, S: Sync> OptionalFromContext<C, S> for ClientIp {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(cx.socket().conn().client_ip().map(Self))
    }
}

use axum_core::extract::FromRequestParts;
use axum_core::response::IntoResponse;
use http::Request;
use serde::de::DeserializeOwned;

use super::data::invalid;
use super::{FromContext, OptionalFromContext};
use crate::hub::{ConnectRequest, WireError};

/// The object that the client gave as `auth`, typed.
///
/// For EIO3 clients it is the query of the namespace they ask for, `/x?token=1`; in `/` they have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromContext<ConnectRequest, S> for Auth<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut ConnectRequest, _: &S) -> Result<Self, WireError> {
        match cx.auth() {
            Some(auth) => auth.deserialize().map(Self).map_err(|error| invalid(&error)),
            None => Err(WireError::new("`auth` is missing").code("no_auth")),
        }
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromContext<ConnectRequest, S> for Auth<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut ConnectRequest, _: &S) -> Result<Option<Self>, WireError> {
        let auth = cx.auth().map(|auth| auth.deserialize().map(Self).map_err(|error| invalid(&error)));
        auth.transpose()
    }
}

/// Anything that axum extracts from the head of a request: headers, cookies, a session, `ConnectInfo`.
///
/// The request is the one that opened the connection. For a namespace that the client enters later only its URL and
/// the headers named by [`keep_headers`](crate::Builder::keep_headers) are left of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http<T>(pub T);

impl<S: Send + Sync, T: FromRequestParts<S>> FromContext<ConnectRequest, S> for Http<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut ConnectRequest, state: &S) -> Result<Self, WireError> {
        let mut parts = Request::new(()).into_parts().0;
        match cx.parts() {
            Some(whole) => {
                parts.method = whole.method.clone();
                parts.uri = whole.uri.clone();
                parts.version = whole.version;
                parts.headers = whole.headers.clone();
                parts.extensions = whole.extensions.clone();
            }
            None => {
                let handshake = cx.socket().link().handshake();
                parts.uri = handshake.url().parse().unwrap_or_default();
                parts.headers.extend(handshake.headers.iter().cloned());
            }
        }
        T::from_request_parts(&mut parts, state).await.map(Self).map_err(|rejection| {
            let status = rejection.into_response().status();
            WireError::new(status.canonical_reason().unwrap_or("refused"))
                .code("http")
                .data(serde_json::json!({ "status": status.as_u16() }))
        })
    }
}

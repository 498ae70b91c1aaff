//! Read an argument from a moment.
//!
//! A handler's arguments are extractors: types that implement [`FromContext`] for the moment the handler serves.
//!
//! | extractor | gives | in |
//! |---|---|---|
//! | [`Socket`](crate::Socket), [`SocketIo`](crate::SocketIo) | the client, the server | every handler |
//! | [`Broadcast`](crate::Broadcast) | everybody in the namespace | every handler |
//! | [`Data<T>`](Data) | the event's arguments: one is `T`, a tuple is the list | event handlers |
//! | [`Args<T>`](Args) | all arguments as one sequence | event handlers |
//! | [`Event`] | the event's name | event handlers, `on_error` |
//! | [`AckSender`](crate::AckSender) | the acknowledgement, to be sent by hand | event handlers |
//! | [`Auth<T>`](Auth) | the `auth` the client gave | `on_connect` |
//! | [`Http<T>`](Http) | anything axum extracts from a request's head | `on_connect` |
//! | [`State<T>`](State) | the namespace's state, or a part of it | every handler |
//! | [`Extension<T>`](Extension) | data of the event, the socket, the connection or the request | every handler |
//! | [`Claims<T>`](Claims) | what a layer has verified of the client | every handler |
//! | [`Query<T>`](Query) | the query of the request that opened the connection | every handler |
//! | [`Headers`] | the headers of that request; later those that are kept | every handler |
//! | [`ClientIp`] | the client's address | every handler |
//! | `Renewal<T>`, with the feature `jwt` | a way to replace the client's token | every handler |
//! | [`Path<T>`](Path) | the parameters of the namespace's name | every handler |
//! | [`DisconnectReason`](crate::DisconnectReason) | why the client left | disconnect handlers |
//! | [`WireError`](crate::WireError) | the error | `on_error` |
//! | `Arc<T>` of a [`Controller`](crate::Controller) | the socket's value of it | every handler |
//! | [`Reconnected`] | that it came [`By`] recovery or as the same user, and how long it was away | every handler |
//! | `Option<T>` | `None` if it is not there; what is there and wrong is refused | as `T` |
//! | `Result<T, T::Rejection>` | the rejection instead of a refusal | as `T` |
//!
//! Handlers of [`on_server`](crate::Namespace::on_server) are about no socket: they have the event's data, its name, the
//! state, the server and the namespace.
//!
//! With the feature `axum`, axum's own `State`, `Extension`, `Path` and `Query` work as well.

#[cfg(feature = "axum")]
mod axum;
mod claims;
mod connect;
mod data;
mod extension;
mod handshake;
mod moment;
mod path;
mod reconnected;
mod socket;
mod state;

pub use crate::hub::Claims;
pub use axum_core::extract::FromRef;
pub use connect::{Auth, Http};
pub use data::{Data, Event};
pub use extension::Extension;
pub use handshake::{ClientIp, Headers, Query};
pub use path::Path;
pub use reconnected::{By, Reconnected};
pub use state::State;
#[doc(inline)]
pub use tower_socketio_proto::socketio::{Any, Args};

use std::future::Future;

use crate::hub::{Occasion, PublicError};

/// Reads a value from a moment: `C` is [`ConnectRequest`](crate::ConnectRequest), [`Connected`](crate::Connected),
/// [`PacketRequest`](crate::PacketRequest), [`Disconnect`](crate::Disconnect), [`Failure`](crate::Failure) or
/// [`ServerEvent`](crate::ServerEvent), and `S` the namespace's state.
///
/// # Example
///
/// ```
/// use tower_socketio::{Context, Extension, FromContext, WireError};
///
/// #[derive(Clone)]
/// struct UserId(u64);
///
/// impl<C: Context, S: Sync> FromContext<C, S> for UserId {
///     type Rejection = WireError;
///
///     async fn from_context(cx: &mut C, state: &S) -> Result<Self, WireError> {
///         let Extension(id) = Extension::<UserId>::from_context(cx, state).await?;
///         Ok(id)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument for a handler of a `{C}`",
    label = "one of its arguments does not fit",
    note = "the client's data is `Data<..>` in event handlers, its `auth` is `Auth<..>` and its request `Http<..>` in `on_connect`",
    note = "everywhere: a part of the state is `State<..>`, data of the socket `Extension<..>`"
)]
pub trait FromContext<C, S>: Sized {
    /// What the client is told when it cannot be read.
    type Rejection: PublicError;

    /// Reads it.
    fn from_context(cx: &mut C, state: &S) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// Reads a value that may be missing: `None` is "not there", and what is there and wrong is still a rejection.
pub trait OptionalFromContext<C, S>: Sized {
    /// What the client is told when it is there and cannot be read.
    type Rejection: PublicError;

    /// Reads it.
    fn from_context(
        cx: &mut C,
        state: &S,
    ) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send;
}

impl<C: Occasion, S: Sync, T: OptionalFromContext<C, S>> FromContext<C, S> for Option<T> {
    type Rejection = T::Rejection;

    async fn from_context(cx: &mut C, state: &S) -> Result<Self, Self::Rejection> {
        T::from_context(cx, state).await
    }
}

impl<C: Occasion, S: Sync, T: FromContext<C, S>> FromContext<C, S> for Result<T, T::Rejection> {
    type Rejection = crate::hub::WireError;

    async fn from_context(cx: &mut C, state: &S) -> Result<Self, Self::Rejection> {
        Ok(T::from_context(cx, state).await)
    }
}

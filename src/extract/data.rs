use serde::de::DeserializeOwned;
use tower_socketio_proto::socketio::{Args, ArgumentsError};

use super::{FromContext, OptionalFromContext};
use crate::hub::{Failure, PacketRequest, ServerEvent, WireError};

/// The event's arguments, typed.
///
/// One argument is `T`, a tuple is the argument list. What the client left out is `None`, what it sent too many is
/// ignored. Binary is [`bytes::Bytes`], anywhere inside.
///
/// # Example
///
/// ```
/// use tower_socketio::{Data, Socket};
///
/// async fn moved(socket: Socket, Data((x, y, label)): Data<(f64, f64, Option<String>)>) {
///     socket.broadcast().emit("moved", (x, y, label));
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data<T>(pub T);

/// The name of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event(pub String);

macro_rules! of_an_event {
    ($($moment:ident)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromContext<$moment, S> for Data<T> {
            type Rejection = WireError;

            async fn from_context(cx: &mut $moment, _: &S) -> Result<Self, WireError> {
                cx.arguments().deserialize().map(Self).map_err(|error| invalid(&error))
            }
        }

        impl<S: Sync, T: DeserializeOwned> OptionalFromContext<$moment, S> for Data<T> {
            type Rejection = WireError;

            async fn from_context(cx: &mut $moment, _: &S) -> Result<Option<Self>, WireError> {
                if cx.arguments().is_empty() {
                    return Ok(None);
                }
                cx.arguments().deserialize().map(|data| Some(Self(data))).map_err(|error| invalid(&error))
            }
        }

        impl<S: Sync, T: DeserializeOwned> FromContext<$moment, S> for Args<T> {
            type Rejection = WireError;

            async fn from_context(cx: &mut $moment, _: &S) -> Result<Self, WireError> {
                cx.arguments().deserialize_all().map(Self).map_err(|error| invalid(&error))
            }
        }

        impl<S: Sync> FromContext<$moment, S> for Event {
            type Rejection = WireError;

            async fn from_context(cx: &mut $moment, _: &S) -> Result<Self, WireError> {
                Ok(Self(cx.event().to_owned()))
            }
        }
    )* };
}
of_an_event!(PacketRequest ServerEvent);

impl<S: Sync> FromContext<Failure, S> for Event {
    type Rejection = WireError;

    async fn from_context(cx: &mut Failure, _: &S) -> Result<Self, WireError> {
        let event = cx.event().ok_or_else(|| WireError::new("no event failed").code("no_event"))?;
        Ok(Self(event.to_owned()))
    }
}

impl<S: Sync> OptionalFromContext<Failure, S> for Event {
    type Rejection = WireError;

    async fn from_context(cx: &mut Failure, _: &S) -> Result<Option<Self>, WireError> {
        Ok(cx.event().map(|event| Self(event.to_owned())))
    }
}

/// The client reads what is wrong with its own data.
pub(super) fn invalid(error: &ArgumentsError) -> WireError {
    WireError::new(format!("invalid data: {error}")).code("invalid_data").logged_as("invalid data")
}

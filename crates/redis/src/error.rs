use std::error::Error;

use redis::RedisError;
use tower_socketio_adapter::BusError;
use tower_socketio_proto::socketio::EncodeError;

/// Why a program did not get its connection to Redis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The description of the server makes no sense, such as a URL that is none.
    #[error("the server is not described as it should be")]
    Configuration(#[source] RedisError),
    /// The server cannot be reached, does not let this program in, or is too old.
    #[error("Redis cannot be reached")]
    Unreachable(#[source] RedisError),
}

/// Why an emitter did not emit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event's name is reserved, or its data cannot be serialised.
    #[error("the event cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The data cannot be written in this format, because it is nested too deep for example.
    #[error("the message cannot be written")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// Redis cannot be reached, or does not take the message.
    #[error("Redis cannot be reached")]
    Unreachable(#[source] RedisError),
}

impl EmitError {
    pub(crate) fn from_bus(error: BusError) -> Self {
        Self::Refused(error.into())
    }
}

use std::error::Error;

/// Why a program did not get its connection to Redis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The description of the server makes no sense, such as a URL that is none.
    #[error("the server is not described as it should be")]
    Configuration(#[source] Box<dyn Error + Send + Sync>),
    /// The server cannot be reached, does not let this program in, or is too old.
    #[error("Redis cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

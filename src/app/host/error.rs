use std::io;

use tower::BoxError;

use crate::hub::ConfigError;

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A service could not declare what it wanted to.
    #[error("a service could not be mounted")]
    Mount(#[from] ConfigError),
    /// An `on_init` failed or panicked.
    #[error("a service could not be made ready")]
    Init(#[source] BoxError),
    /// The host cannot listen there.
    #[error("cannot listen at {address}")]
    Listen {
        /// Where it was to listen.
        address: String,
        /// Why it cannot.
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
    /// It was told to end, with this exit code, before it listened.
    #[error("was told to end before it listened")]
    Stopped(i32),
}

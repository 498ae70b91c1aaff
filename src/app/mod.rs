//! Ready-made patterns.

mod controllers;
#[cfg(feature = "host")]
pub mod host;
mod methods;
mod test_client;

pub use controllers::{Controller, ControllerSet};
pub use methods::Methods;
pub use test_client::{TestClient, TestError};

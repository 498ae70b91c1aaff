//! Ready-made patterns.

#[cfg(feature = "host")]
pub mod host;
mod test_client;

pub use test_client::{TestClient, TestError};

//! Ready-made patterns.

mod test_client;

pub use test_client::{TestClient, TestError};

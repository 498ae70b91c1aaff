//! Ready-made patterns.

mod test_client;
mod test_wire;

pub use test_client::{TestClient, TestError};

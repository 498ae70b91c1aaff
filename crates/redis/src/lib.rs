//! Redis and Valkey adapters for tower-socketio.

mod connection;
mod error;
mod streams;

pub use connection::RedisServer;
pub use error::ConnectError;
pub use streams::StreamsAdapter;

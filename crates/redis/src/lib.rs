//! Redis and Valkey adapters for tower-socketio.

mod connection;
mod error;

pub use connection::RedisServer;
pub use error::ConnectError;

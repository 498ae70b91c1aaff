//! Redis and Valkey adapters for tower-socketio.

mod adapter;
mod connection;
mod counting;
mod error;
mod sharded;
mod streams;
mod subscriptions;

pub use adapter::RedisAdapter;
pub use connection::RedisServer;
pub use error::ConnectError;
pub use sharded::{ShardedAdapter, SubscriptionMode};
pub use streams::StreamsAdapter;

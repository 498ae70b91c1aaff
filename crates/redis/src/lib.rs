//! Redis and Valkey adapters for tower-socketio.

mod adapter;
mod classic;
mod connection;
mod counting;
mod error;
mod publishing;
mod sharded;
mod subscriptions;

pub use adapter::RedisAdapter;
pub use classic::ClassicAdapter;
pub use connection::RedisServer;
pub use error::ConnectError;
pub use sharded::{ShardedAdapter, SubscriptionMode};

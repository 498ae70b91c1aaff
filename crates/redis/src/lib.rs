//! Redis and Valkey adapters for tower-socketio.

mod adapter;
mod classic;
mod connection;
mod counting;
mod emitter;
mod error;
mod publishing;
mod sharded;
mod streams;
mod subscriptions;

pub use adapter::RedisAdapter;
pub use classic::ClassicAdapter;
pub use connection::RedisServer;
pub use emitter::RedisEmitter;
pub use error::{ConnectError, EmitError};
pub use sharded::{ShardedAdapter, SubscriptionMode};
pub use streams::StreamsAdapter;

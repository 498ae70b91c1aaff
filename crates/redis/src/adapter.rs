use crate::{ClassicAdapter, RedisServer, ShardedAdapter, StreamsAdapter};

/// Names the ways in which nodes talk over Redis.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RedisAdapter;

impl RedisAdapter {
    /// The sharded adapter, for Redis 7, Valkey and their clusters.
    pub fn sharded(server: impl Into<RedisServer>) -> ShardedAdapter {
        ShardedAdapter::new(server.into())
    }

    /// The classic adapter, that of most Node clusters.
    pub fn classic(server: impl Into<RedisServer>) -> ClassicAdapter {
        ClassicAdapter::new(server.into())
    }

    /// The adapter over streams, which keep messages, so that nodes and clients that were away hear them later.
    pub fn streams(server: impl Into<RedisServer>) -> StreamsAdapter {
        StreamsAdapter::new(server.into())
    }
}

use tower_socketio_adapter::{Cluster, Emitter};

use super::bus::ShardedBus;
use super::channels::{Channels, SubscriptionMode};
use crate::connection::Commands;
use crate::{ConnectError, RedisServer};

/// The sharded adapter before it is connected: made by [`RedisAdapter::sharded`](crate::RedisAdapter::sharded).
#[derive(Clone, Debug)]
#[must_use = "an adapter does nothing before `connect` or `emitter`"]
pub struct ShardedAdapter {
    server: RedisServer,
    channels: Channels,
}

impl ShardedAdapter {
    pub(crate) fn new(server: RedisServer) -> Self {
        let channels = Channels { prefix: "socket.io".to_owned(), mode: SubscriptionMode::default() };
        Self { server, channels }
    }

    /// What all channels begin with (default: `socket.io`); the same on all servers.
    pub fn channel_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.channels.prefix = prefix.into();
        self
    }

    /// Which rooms have channels of their own (default: those that are not sockets' own).
    pub fn subscription_mode(mut self, mode: SubscriptionMode) -> Self {
        self.channels.mode = mode;
        self
    }

    /// Connects, and makes what the builder's `adapter` takes.
    ///
    /// # Errors
    ///
    /// If the server is not described as it should be, or cannot be reached.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<Cluster, ConnectError> {
        self.bus().await.map(Cluster::new)
    }

    /// Connects to emit only, from a program that serves nobody.
    ///
    /// `@socket.io/redis-adapter` has no emitter of its own for this format; Node's sharded adapter hears it all the same.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn emitter(self) -> Result<Emitter, ConnectError> {
        self.bus().await.map(Emitter::new)
    }

    async fn bus(self) -> Result<ShardedBus, ConnectError> {
        let (plan, commands) = Commands::connect(&self.server).await?;
        Ok(ShardedBus::new(plan, commands, self.channels))
    }
}

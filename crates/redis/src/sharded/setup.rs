use std::sync::Arc;

use tower_socketio_adapter::Cluster;

use super::bus::ShardedBus;
use super::channels::{Channels, SubscriptionMode};
use crate::connection::{Commands, Plan};
use crate::{ConnectError, RedisEmitter, RedisServer};

/// The sharded adapter before it is connected: made by [`RedisAdapter::sharded`](crate::RedisAdapter::sharded).
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `connect`"]
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
        let plan = Arc::new(Plan::new(&self.server).map_err(ConnectError::Configuration)?);
        let commands = Arc::new(Commands::new(plan.clone()));
        commands.ping().await.map_err(ConnectError::Unreachable)?;
        Ok(Cluster::new(ShardedBus::new(plan, commands, self.channels)))
    }

    /// Connects to emit only.
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
    pub async fn emitter(self) -> Result<RedisEmitter, ConnectError> {
        RedisEmitter::new(&self.server, self.channels).await
    }
}

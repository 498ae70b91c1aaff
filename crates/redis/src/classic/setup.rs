use tower_socketio_adapter::{Cluster, Emitter};

use super::bus::ClassicBus;
use super::channels::Channels;
use super::outgoing::Style;
use crate::connection::Commands;
use crate::{ConnectError, RedisServer};

/// The classic adapter before it is connected: made by [`RedisAdapter::classic`](crate::RedisAdapter::classic).
#[derive(Clone, Debug)]
#[must_use = "an adapter does nothing before `connect` or `emitter`"]
pub struct ClassicAdapter {
    server: RedisServer,
    style: Style,
}

impl ClassicAdapter {
    pub(crate) fn new(server: RedisServer) -> Self {
        Self { server, style: Style { channels: Channels::new("socket.io"), specific_responses: false } }
    }

    /// What all channels begin with (default: `socket.io`); the same on all servers, where Node calls it `key`.
    pub fn channel_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.style.channels = Channels::new(prefix);
        self
    }

    /// Whether answers go to the node that asks alone, and not to all of them (default: no).
    ///
    /// It saves traffic where all servers listen to channels of their own: this crate's, and Node's since version 7.1 of
    /// the adapter.
    pub fn publish_on_specific_response_channel(mut self, on: bool) -> Self {
        self.style.specific_responses = on;
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
    /// It is heard by Node's servers, too, like npm's `@socket.io/redis-emitter`.
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

    async fn bus(self) -> Result<ClassicBus, ConnectError> {
        let (plan, commands) = Commands::connect(&self.server).await?;
        Ok(ClassicBus::new(plan, commands, self.style))
    }
}

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tower_socketio_adapter::{BusError, Inbox};

use crate::channel::Channel;
use crate::ear::Ear;
use crate::error::{ConnectError, whole};
use crate::link::Link;
use crate::server::Server;
use crate::slot::Slot;
use crate::table::{LOCK_TIMEOUT, Table};

/// How many notifications may wait, of less than 8000 bytes each; with more the connection is given up.
const CAPACITY: usize = 16_384;

/// Listens to all namespaces over one connection, which it makes when it needs one.
pub(crate) struct Listener {
    server: Arc<Server>,
    table: Arc<Table>,
    ear: Slot<Ear>,
}

impl Listener {
    pub(crate) fn new(server: Arc<Server>, table: Arc<Table>) -> Self {
        Self { server, table, ear: Slot::default() }
    }

    /// Subscribes a node to a namespace; resolves when Postgres has confirmed it.
    pub(crate) async fn open(
        &self,
        channel: &Channel,
        namespace: &str,
        node: &str,
        inbox: Inbox,
    ) -> Result<(), BusError> {
        let ear = self.ear.get(self.connect()).await.map_err(BusError::down)?;
        ear.open(channel, namespace, node, inbox).await
    }

    /// Ends a subscription.
    pub(crate) async fn close(&self, channel: &Channel, namespace: &str, node: &str) {
        if let Some(ear) = self.ear.current() {
            ear.close(channel, namespace, node).await;
        }
    }

    /// Something was published to a channel.
    pub(crate) fn published(&self, channel: &Channel) {
        if let Some(ear) = self.ear.current() {
            ear.published(channel);
        }
    }

    async fn connect(&self) -> Result<Ear, ConnectError> {
        let (sender, notes) = mpsc::channel(CAPACITY);
        let link = Link::connect(&self.server, Some(sender)).await?;
        let set = link.client.batch_execute(LOCK_TIMEOUT);
        let set = timeout(self.server.connect_timeout, set).await.map_err(|_| ConnectError::Timeout)?;
        set.map_err(|error| ConnectError::Unreachable(whole(&error).into()))?;
        Ok(Ear::new(link, notes, self.table.clone()))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("server", &self.server).finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OnceCell, RwLock, mpsc};
use tokio_postgres::Statement;
use tower_socketio_adapter::{BusError, Inbox};

use crate::channel::Channel;
use crate::deliver::{Notified, deliver};
use crate::error::{PostgresError, bus_error, whole};
use crate::link::Link;
use crate::server::Server;
use crate::slot::{Lost, Slot};
use crate::subscriptions::Subscriptions;
use crate::table::{Missing, Table};

/// How many notifications may wait, of less than 8000 bytes each; with more the connection is given up.
const CAPACITY: usize = 16_384;

/// Listens to all namespaces over one connection, which it makes when it needs one.
pub(crate) struct Listener {
    server: Arc<Server>,
    table: Arc<Table>,
    ear: Slot<Ear>,
}

/// The connection that listens.
struct Ear {
    link: Arc<Link>,
    subscriptions: Arc<Subscriptions>,
    /// Held to end listening to a channel, and shared to begin it: otherwise the end of one subscription might come
    /// after the beginning of another.
    changes: RwLock<()>,
    fetch: Arc<OnceCell<Statement>>,
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
        let _changes = ear.changes.read().await;
        if !ear.subscriptions.add(channel, namespace, node, inbox) {
            return Err(ear.link.loss());
        }
        let listening = ear.link.client.batch_execute(&format!("LISTEN {}", channel.quoted())).await;
        ear.link.heard();
        listening.map_err(|error| {
            ear.subscriptions.remove(channel, namespace, node);
            if error.is_closed() { ear.link.loss() } else { bus_error(&error) }
        })
    }

    /// Ends a subscription.
    pub(crate) async fn close(&self, channel: &Channel, namespace: &str, node: &str) {
        let Some(ear) = self.ear.current() else { return };
        ear.subscriptions.remove(channel, namespace, node);
        let _changes = ear.changes.write().await;
        if ear.subscriptions.is_silent(channel) {
            let ended = ear.link.client.batch_execute(&format!("UNLISTEN {}", channel.quoted())).await;
            if let Err(error) = ended {
                tracing::debug!(target: "socketio::adapter", error = whole(&error), "still listening");
            }
        }
    }

    async fn connect(&self) -> Result<Ear, PostgresError> {
        let (sender, notes) = mpsc::channel(CAPACITY);
        let link = Link::connect(&self.server, Some(sender)).await?;
        let ear =
            Ear { link, subscriptions: Arc::default(), changes: RwLock::default(), fetch: Arc::default() };
        tokio::spawn(ear.hear(notes, self.table.clone()));
        Ok(ear)
    }
}

impl Ear {
    /// Returns a task that brings what is notified, and in the end tells that nothing comes any more.
    ///
    /// It does not keep the connection.
    fn hear(&self, notes: mpsc::Receiver<Notified>, table: Arc<Table>) -> impl Future<Output = ()> + use<> {
        let (link, pulse) = (Arc::downgrade(&self.link), self.link.pulse.clone());
        let (subscriptions, statement) = (self.subscriptions.clone(), self.fetch.clone());
        async move {
            let fetch = |id| {
                let (link, table, statement) = (link.clone(), table.clone(), statement.clone());
                async move {
                    let link = link.upgrade().ok_or(Missing::Lost)?;
                    table.fetch(&link, &statement, id).await
                }
            };
            deliver(notes, &subscriptions, fetch).await;
            subscriptions.fail(|| pulse.loss());
        }
    }
}

impl Lost for Ear {
    fn is_lost(&self) -> bool {
        self.link.is_lost()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("server", &self.server).finish_non_exhaustive()
    }
}

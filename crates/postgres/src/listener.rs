use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::{Mutex, OnceCell, RwLock, mpsc};
use tokio_postgres::Statement;
use tower_socketio_adapter::{BusError, Inbox};

use crate::channel::Channel;
use crate::deliver::{Notified, deliver};
use crate::error::{bus_error, whole};
use crate::link::Link;
use crate::server::Server;
use crate::subscriptions::Subscriptions;
use crate::table::{Missing, Table};

/// How many notifications may wait, of less than 8000 bytes each; with more the connection is given up.
const CAPACITY: usize = 16_384;

/// Listens to all namespaces over one connection, which it makes when it needs one.
pub(crate) struct Listener {
    server: Arc<Server>,
    table: Arc<Table>,
    ear: Mutex<Option<Arc<Ear>>>,
}

/// The connection that listens.
struct Ear {
    link: Arc<Link>,
    subscriptions: Arc<Subscriptions>,
    /// Held to end listening to a channel, and shared to begin it: otherwise the end of one subscription might come
    /// after the beginning of another.
    changes: RwLock<()>,
    fetch: OnceCell<Statement>,
}

impl Listener {
    pub(crate) fn new(server: Arc<Server>, table: Arc<Table>) -> Self {
        Self { server, table, ear: Mutex::default() }
    }

    /// Subscribes a node to a namespace; resolves when Postgres has confirmed it.
    pub(crate) async fn open(
        &self,
        channel: &Channel,
        namespace: &str,
        node: &str,
        inbox: Inbox,
    ) -> Result<(), BusError> {
        let ear = self.ear().await?;
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
        let Some(ear) = self.ear.lock().await.clone() else { return };
        let _changes = ear.changes.write().await;
        if ear.subscriptions.remove(channel, namespace, node) && !ear.link.is_lost() {
            let ended = ear.link.client.batch_execute(&format!("UNLISTEN {}", channel.quoted())).await;
            if let Err(error) = ended {
                tracing::debug!(target: "socketio::adapter", error = whole(&error), "still listening");
            }
        }
    }

    /// Returns the connection, which is made if there is none.
    async fn ear(&self) -> Result<Arc<Ear>, BusError> {
        let mut current = self.ear.lock().await;
        if let Some(ear) = current.as_ref().filter(|ear| !ear.link.is_lost()) {
            return Ok(ear.clone());
        }
        let (sender, notes) = mpsc::channel(CAPACITY);
        let link = Link::connect(&self.server, Some(sender)).await;
        let link = link.map_err(|error| BusError::down(whole(&error)))?;
        let ear = Arc::new(Ear {
            link,
            subscriptions: Arc::default(),
            changes: RwLock::default(),
            fetch: OnceCell::new(),
        });
        tokio::spawn(hear(&ear, notes, self.table.clone()));
        *current = Some(ear.clone());
        Ok(ear)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Returns a task that brings what is notified, and in the end tells that nothing comes any more.
///
/// It does not keep the connection.
fn hear(
    ear: &Arc<Ear>,
    notes: mpsc::Receiver<Notified>,
    table: Arc<Table>,
) -> impl Future<Output = ()> + use<> {
    let (subscriptions, pulse) = (ear.subscriptions.clone(), ear.link.pulse.clone());
    let ear = Arc::downgrade(ear);
    async move {
        deliver(notes, &subscriptions, |id| fetch(ear.clone(), table.clone(), id)).await;
        subscriptions.fail(|| pulse.loss());
    }
}

async fn fetch(ear: Weak<Ear>, table: Arc<Table>, id: i64) -> Result<Vec<u8>, Missing> {
    let ear = ear.upgrade().ok_or(Missing::Lost)?;
    table.fetch(&ear.link, &ear.fetch, id).await
}

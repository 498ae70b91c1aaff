use std::fmt;
use std::sync::Arc;

use tokio::time::timeout;
use tower_socketio_adapter::BusError;

use crate::error::{ConnectError, whole};
use crate::link::Link;
use crate::note::Note;
use crate::pen::Pen;
use crate::server::Server;
use crate::slot::Slot;
use crate::table::Table;

/// Notifies, over a connection that it makes when it needs one.
pub(crate) struct Publisher {
    server: Arc<Server>,
    table: Arc<Table>,
    pen: Slot<Pen>,
}

impl Publisher {
    pub(crate) fn new(server: Arc<Server>, table: Arc<Table>) -> Self {
        Self { server, table, pen: Slot::default() }
    }

    /// Connects for the first time, and makes the table.
    pub(crate) async fn connect_first(&self) -> Result<(), ConnectError> {
        let first = async {
            let pen = self.connect().await?;
            let created = self.table.create(&pen.link.client).await;
            created.map_err(|error| ConnectError::Table(whole(&error).into()))?;
            // It may be lost again by now, which is for later.
            let _ = self.pen.get(async { Ok(pen) }).await;
            Ok(())
        };
        timeout(2 * self.server.connect_timeout, first).await.unwrap_or(Err(ConnectError::Timeout))
    }

    /// Publishes in one round trip, in this order; the results are those of the notes.
    pub(crate) async fn publish(&self, notes: Vec<Result<Note, BusError>>) -> Vec<Result<(), BusError>> {
        match self.pen.get(self.connect()).await {
            Ok(pen) => pen.publish(notes, &self.table).await,
            Err(reason) => {
                notes.into_iter().map(|note| note.and(Err(BusError::down(reason.clone())))).collect()
            }
        }
    }

    /// Returns the connection if there is one.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.pen.current().map(|pen| pen.link.clone())
    }

    async fn connect(&self) -> Result<Pen, ConnectError> {
        let connecting = async {
            let pen = Pen::new(Link::connect(&self.server, None).await?).await;
            pen.map_err(|error| ConnectError::Unreachable(whole(&error).into()))
        };
        timeout(self.server.connect_timeout, connecting).await.unwrap_or(Err(ConnectError::Timeout))
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("server", &self.server).finish_non_exhaustive()
    }
}

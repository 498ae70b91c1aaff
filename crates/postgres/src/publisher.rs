use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower_socketio_adapter::BusError;

use crate::error::{PostgresError, whole};
use crate::link::Link;
use crate::note::Note;
use crate::pen::Pen;
use crate::server::Server;
use crate::table::Table;

/// How long nothing is tried after an attempt to connect that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Notifies, over a connection that it makes when it needs one.
pub(crate) struct Publisher {
    server: Arc<Server>,
    table: Arc<Table>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pen: Option<Arc<Pen>>,
    failed: Option<(Instant, String)>,
}

impl Publisher {
    pub(crate) fn new(server: Arc<Server>, table: Arc<Table>) -> Self {
        Self { server, table, state: Mutex::default() }
    }

    /// Connects for the first time, and makes the table.
    pub(crate) async fn connect_first(&self) -> Result<(), PostgresError> {
        let first = async {
            let pen = self.connect().await?;
            let created = self.table.create(&pen.link.client).await;
            created.map_err(|error| PostgresError::Table(whole(&error).into()))?;
            self.state.lock().await.pen = Some(pen);
            Ok(())
        };
        timeout(2 * self.server.connect_timeout, first).await.unwrap_or(Err(PostgresError::Timeout))
    }

    /// Publishes in one round trip, in this order; the results are those of the notes.
    pub(crate) async fn publish(&self, notes: Vec<Result<Note, BusError>>) -> Vec<Result<(), BusError>> {
        match self.pen().await {
            Ok(pen) => pen.publish(notes, &self.table).await,
            Err(reason) => {
                notes.into_iter().map(|note| note.and(Err(BusError::down(reason.clone())))).collect()
            }
        }
    }

    /// Returns the connection if there is one.
    pub(crate) async fn link(&self) -> Option<Arc<Link>> {
        let state = self.state.lock().await;
        state.pen.as_ref().map(|pen| pen.link.clone()).filter(|link| !link.is_lost())
    }

    /// Returns the connection, which is made if there is none, or why there is none.
    async fn pen(&self) -> Result<Arc<Pen>, String> {
        let mut state = self.state.lock().await;
        state.pen.take_if(|pen| pen.link.is_lost());
        if let Some(pen) = &state.pen {
            return Ok(pen.clone());
        }
        if let Some((_, reason)) = state.failed.as_ref().filter(|(at, _)| at.elapsed() < RETRY) {
            return Err(reason.clone());
        }
        let mut attempt = Attempt { state: &mut state, reason: "connecting takes too long".to_owned() };
        match self.connect().await {
            Ok(pen) => {
                attempt.state.pen = Some(pen.clone());
                Ok(pen)
            }
            Err(error) => {
                attempt.reason = whole(&error);
                Err(attempt.reason.clone())
            }
        }
    }

    async fn connect(&self) -> Result<Arc<Pen>, PostgresError> {
        let connecting = async {
            let pen = Pen::new(Link::connect(&self.server, None).await?).await;
            pen.map(Arc::new).map_err(|error| PostgresError::Connect(whole(&error).into()))
        };
        timeout(self.server.connect_timeout, connecting).await.unwrap_or(Err(PostgresError::Timeout))
    }
}

/// An attempt to connect; unless it succeeds, also if it is given up, the next one has to wait.
struct Attempt<'a> {
    state: &'a mut State,
    reason: String,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let failed = self.state.pen.is_none();
        self.state.failed = failed.then(|| (Instant::now(), std::mem::take(&mut self.reason)));
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("server", &self.server).finish_non_exhaustive()
    }
}

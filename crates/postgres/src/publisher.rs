use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, timeout};
use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};
use tower_socketio_adapter::BusError;

use crate::error::{PostgresError, bus_error, is_end, whole};
use crate::link::Link;
use crate::note::{Body, Note};
use crate::server::Server;
use crate::table::Table;

/// How long nothing is tried after an attempt to connect that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Notifies, over a connection that it makes when it needs one.
#[derive(Debug)]
pub(crate) struct Publisher {
    server: Arc<Server>,
    table: Arc<Table>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pen: Option<Arc<Pen>>,
    failed: Option<(Instant, String)>,
}

/// A connection with its statements.
#[derive(Debug)]
struct Pen {
    link: Arc<Link>,
    notify: Statement,
    attach: OnceCell<Statement>,
}

impl Publisher {
    pub(crate) fn new(server: Arc<Server>, table: Arc<Table>) -> Self {
        Self { server, table, state: Mutex::default() }
    }

    /// Returns the connection if there is one.
    pub(crate) async fn link(&self) -> Option<Arc<Link>> {
        let state = self.state.lock().await;
        state.pen.as_ref().map(|pen| pen.link.clone()).filter(|link| !link.is_lost())
    }

    /// Sends all in one go, each in a transaction of its own: in one, Postgres would take equal ones for the same.
    ///
    /// The results are those of the notes, in their order.
    pub(crate) async fn publish(&self, notes: Vec<Result<Note, BusError>>) -> Vec<Result<(), BusError>> {
        let pen = match self.pen().await {
            Ok(pen) => pen,
            Err(reason) => {
                return notes.into_iter().map(|note| note.and(Err(BusError::down(reason.clone())))).collect();
            }
        };
        // Without the statement what goes without it goes nevertheless.
        let attached = |note: &Result<Note, _>| matches!(note, Ok(Note { body: Body::Attached { .. }, .. }));
        let attach = match notes.iter().any(attached) {
            true => Some(pen.attach(&self.table).await.map_err(|error| pen.failed(&error))),
            false => None,
        };
        let sends = notes.into_iter().map(|note| {
            let (pen, attach) = (&pen, &attach);
            async move { pen.send(note?, attach.as_ref()).await }
        });
        in_order(sends).await
    }

    /// Returns the connection, which is made if there is none, or why there is none.
    async fn pen(&self) -> Result<Arc<Pen>, String> {
        let mut state = self.state.lock().await;
        if let Some(pen) = state.pen.take_if(|pen| pen.link.is_lost()) {
            tracing::debug!(target: "socketio::adapter", loss = ?pen.link.loss(), "publishing was interrupted");
        }
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

    async fn connect(&self) -> Result<Arc<Pen>, PostgresError> {
        let link = Link::connect(&self.server, None).await?;
        let notify = link.client.prepare_typed("SELECT pg_notify($1, $2)", &[Type::TEXT, Type::TEXT]);
        let notify = notify.await.map_err(|error| PostgresError::Connect(whole(&error).into()))?;
        Ok(Arc::new(Pen { link, notify, attach: OnceCell::new() }))
    }
}

/// An attempt to connect; unless it succeeds, also if it is given up, the next one waits.
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

impl Pen {
    async fn attach(&self, table: &Table) -> Result<&Statement, tokio_postgres::Error> {
        table.used();
        self.attach.get_or_try_init(|| table.prepare_insert(&self.link.client)).await
    }

    async fn send(&self, note: Note, attach: Option<&Result<&Statement, BusError>>) -> Result<(), BusError> {
        let channel = note.channel.name();
        let sent = match &note.body {
            Body::Whole(envelope) => self.execute(&self.notify, &[&channel, envelope]).await,
            Body::Attached { envelope, head, tail } => match attach {
                Some(Ok(attach)) => self.execute(attach, &[envelope, &channel, head, tail]).await,
                Some(Err(error)) => return Err(again(error)),
                None => return Err(BusError::refused("there is no statement")),
            },
        };
        self.link.heard();
        sent.map_err(|error| self.failed(&error))
    }

    async fn execute(
        &self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<(), tokio_postgres::Error> {
        self.link.client.execute(statement, params).await.map(drop)
    }

    fn failed(&self, error: &tokio_postgres::Error) -> BusError {
        if is_end(error) {
            self.link.abandon(&whole(error));
        }
        if error.is_closed() { self.link.loss() } else { bus_error(error) }
    }
}

/// The same error once more.
fn again(error: &BusError) -> BusError {
    let reason = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    match error {
        BusError::Refused(_) => BusError::refused(reason),
        _ => BusError::down(reason),
    }
}

/// Polls all once before it waits for any, so that all are sent, in order.
async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut begun = Vec::new();
    for future in futures {
        let mut future: Pin<Box<F>> = Box::pin(future);
        let polled = poll!(future.as_mut());
        begun.push((future, polled));
    }
    let mut results = Vec::with_capacity(begun.len());
    for (future, polled) in begun {
        results.push(match polled {
            std::task::Poll::Ready(result) => result,
            std::task::Poll::Pending => future.await,
        });
    }
    results
}

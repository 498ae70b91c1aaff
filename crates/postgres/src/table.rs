use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use crate::channel::is_table;
use crate::error::{ConnectError, whole};
use crate::link::Link;
use crate::publisher::Publisher;

/// After how many cleanups nothing is left of what was there before the first.
const CLEANUPS: u32 = 3;

/// Whoever has the table locked keeps those who want it waiting for so long at most, as all that comes behind on the connection
/// waits, too, and in the end so many connections that nobody gets one. To notify takes a lock as well, but not for long.
pub(crate) const LOCK_TIMEOUT: &str = "SET lock_timeout TO '2s'";

/// How long nothing is put into a table that is locked before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The table in which messages lie that are not notified themselves.
#[derive(Debug)]
pub(crate) struct Table {
    name: Box<str>,
    /// Whether it is made if it is missing.
    create: bool,
    /// The largest message that is fetched, in bytes.
    largest: usize,
    /// How long a message stays, at least.
    keep: Duration,
    /// Whether something was put there or fetched since the last cleanup.
    used: AtomicBool,
    /// When it was last tried to put something there, if it was locked then.
    locked: Mutex<Option<Instant>>,
}

/// Why a message was not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Missing {
    #[error("it has been cleaned up, or never was there")]
    Gone,
    #[error("it is larger than is taken")]
    TooLarge,
    #[error("the table could not be read")]
    Unreadable,
    #[error("it is no message of who notified it")]
    Malformed,
    #[error("the connection has ended")]
    Lost,
}

impl Table {
    pub(crate) fn new(
        name: &str,
        create: bool,
        largest: usize,
        keep: Duration,
    ) -> Result<Self, ConnectError> {
        if !is_table(name) {
            return Err(ConnectError::TableName(name.to_owned()));
        }
        Ok(Self {
            name: name.into(),
            create,
            largest,
            keep,
            used: AtomicBool::new(true),
            locked: Mutex::default(),
        })
    }

    /// Makes the table if it is missing and shall be made, also if other nodes do the same at the same time.
    pub(crate) async fn create(&self, client: &Client) -> Result<(), Error> {
        if !self.create {
            return Ok(());
        }
        let name = &self.name;
        // Who may not make tables may still use one, so this comes first.
        let looks = client.prepare_typed("SELECT to_regclass($1) IS NOT NULL", &[Type::TEXT]).await?;
        let exists = client.query_one(&looks, &[&&**name]).await?;
        if exists.try_get(0)? {
            return Ok(());
        }
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {name} \
             (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)"
        );
        let others = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
        match client.batch_execute(&sql).await {
            Err(error) if error.code().is_some_and(|code| others.contains(code)) => Ok(()),
            created => created,
        }
    }

    /// Prepares to put a message there and to notify its number, in one statement.
    pub(crate) async fn prepare_insert(&self, client: &Client) -> Result<Statement, Error> {
        let name = &self.name;
        let sql = format!(
            "WITH attachment AS (INSERT INTO {name} (payload) VALUES ($1) RETURNING id) \
             SELECT pg_notify($2, $3 || id || $4) FROM attachment"
        );
        client.prepare_typed(&sql, &[Type::BYTEA, Type::TEXT, Type::TEXT, Type::TEXT]).await
    }

    /// Makes the table again, as somebody has dropped it.
    pub(crate) async fn recreate(&self, client: &Client) {
        match self.create(client).await {
            Ok(()) if self.create => {
                tracing::warn!(target: "socketio::adapter", table = &*self.name, "the table was gone and is made again");
            }
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(target: "socketio::adapter", error = whole(&error), "the table is not made again");
            }
        }
    }

    /// Something is put there.
    pub(crate) fn used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether it was locked just now; if it was a while ago, the one who asks is to try it.
    pub(crate) fn is_locked(&self) -> bool {
        let mut locked = self.locked();
        let is_locked = locked.is_some_and(|tried| tried.elapsed() < PAUSE);
        if locked.is_some() && !is_locked {
            *locked = Some(Instant::now());
        }
        is_locked
    }

    /// Something was put there, or it is locked.
    pub(crate) fn tried(&self, is_locked: bool) {
        *self.locked() = is_locked.then(Instant::now);
    }

    fn locked(&self) -> MutexGuard<'_, Option<Instant>> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets a message.
    pub(crate) async fn fetch(
        &self,
        link: &Link,
        statement: &OnceCell<Statement>,
        id: i64,
    ) -> Result<Vec<u8>, Missing> {
        self.used();
        let failed = |error: Error| {
            tracing::debug!(target: "socketio::adapter", id, error = whole(&error), "not fetched");
            if error.code().is_none() { Missing::Lost } else { Missing::Unreadable }
        };
        let prepare = async || {
            let sql = format!(
                "SELECT CASE WHEN octet_length(payload) <= $2 THEN payload END FROM {} WHERE id = $1",
                self.name
            );
            link.client.prepare_typed(&sql, &[Type::INT8, Type::INT4]).await
        };
        let statement = statement.get_or_try_init(prepare).await.map_err(failed)?;
        let largest = i32::try_from(self.largest).unwrap_or(i32::MAX);
        let row = link.client.query_opt(statement, &[&id, &largest]).await;
        link.heard();
        let payload = row.map_err(failed)?.ok_or(Missing::Gone)?.try_get::<_, Option<Vec<u8>>>(0);
        payload.map_err(failed)?.ok_or(Missing::TooLarge)
    }

    async fn clean(&self, client: &Client) -> Result<u64, Error> {
        let sql = format!(
            "DELETE FROM {} WHERE created_at < now() - $1::float8 * interval '1 millisecond'",
            self.name
        );
        client.execute_typed(&sql, &[(&(self.keep.as_secs_f64() * 1000.0), Type::FLOAT8)]).await
    }
}

/// Removes old messages now and then, as long as something publishes and the table is used.
pub(crate) async fn keep_clean(table: Arc<Table>, publisher: Weak<Publisher>) {
    let mut due = 0;
    loop {
        sleep(table.keep).await;
        let Some(publisher) = publisher.upgrade() else { return };
        if table.used.swap(false, Ordering::Relaxed) {
            due = CLEANUPS;
        }
        if due == 0 {
            continue;
        }
        if table.is_locked() {
            continue;
        }
        // During an outage there is nothing new to remove.
        let Some(link) = publisher.link() else { continue };
        drop(publisher);
        match table.clean(&link.client).await {
            Ok(_) => due -= 1,
            Err(error) => {
                tracing::debug!(target: "socketio::adapter", error = whole(&error), "attachments stay");
            }
        }
    }
}

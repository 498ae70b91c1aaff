use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, Pipeline, PushKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::{Instant, timeout};

use super::dial::{Plan, Push};
use super::topology::Address;

/// How long after a failed attempt nobody tries to connect again.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a command waits for a connection to a server that was out of reach a moment ago.
const PATIENCE: Duration = Duration::from_millis(100);

/// A connection for commands to one server, which is made at the first command and anew after a loss.
pub(super) struct Link {
    plan: Arc<Plan>,
    node: Option<Address>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts the attempts: what was said of an earlier connection is no news of this one.
    attempt: u64,
    dialing: Option<Dialing>,
    failed: Option<(Instant, RedisError)>,
}

/// An attempt to connect that goes on whoever waits for it, and what came of it.
type Dialing = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

impl Link {
    pub(super) fn new(plan: Arc<Plan>, node: Option<Address>) -> Arc<Self> {
        Arc::new(Self { plan, node, state: Mutex::default() })
    }

    /// Runs a pipeline; an error is that of the connection, and those of commands are among the values.
    ///
    /// What was sent when the connection breaks may have been done or not; it is not sent again.
    pub(super) async fn run(self: &Arc<Self>, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let (attempt, connection) = self.connection().await?;
        let mut connection = connection;
        let result = connection.send_packed_commands(pipeline, 0, pipeline.len()).await;
        match &result {
            Ok(values) => {
                if let Some(error) = values.iter().find_map(demoted) {
                    self.failed(attempt, error);
                }
            }
            Err(error) if error.is_unrecoverable_error() || error.is_timeout() || error.is_io_error() => {
                self.lost(attempt);
            }
            Err(_) => {}
        }
        result
    }

    /// Whether the last attempt to connect has failed.
    pub(super) fn is_down(&self) -> bool {
        self.state().failed.is_some()
    }

    async fn connection(self: &Arc<Self>) -> RedisResult<(u64, MultiplexedConnection)> {
        let (attempt, dialing, was_down) = self.attempt()?;
        let dialed = if was_down {
            let down = || RedisError::from((ErrorKind::Io, "the server is out of reach"));
            timeout(PATIENCE, dialing).await.unwrap_or_else(|_| Err(down()))
        } else {
            dialing.await
        };
        match dialed {
            Ok(connection) => {
                self.state().failed = None;
                Ok((attempt, connection))
            }
            Err(error) => {
                let has_ended = |dialing: &Dialing| dialing.peek().is_some();
                if self.state().dialing.as_ref().is_some_and(has_ended) {
                    self.failed(attempt, error.clone());
                }
                Err(error)
            }
        }
    }

    /// Returns the current connection or attempt, and whether the server was out of reach when it began.
    fn attempt(self: &Arc<Self>) -> RedisResult<(u64, Dialing, bool)> {
        let mut state = self.state();
        let was_down = state.failed.is_some();
        // Whoever waited for an attempt that failed knows; if nobody did, that may be long ago.
        state.dialing.take_if(|dialing| matches!(dialing.clone().now_or_never(), Some(Err(_))));
        if let Some(dialing) = &state.dialing {
            return Ok((state.attempt, dialing.clone(), was_down));
        }
        if let Some((when, error)) = &state.failed
            && when.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        state.attempt += 1;
        let (plan, node) = (self.plan.clone(), self.node.clone());
        let push = self.watch(state.attempt);
        let task = tokio::spawn(async move {
            let timeout = plan.response_timeout;
            plan.dial(node.as_ref(), Some(timeout), Some(push)).await
        });
        let ended = |_| Err(RedisError::from((ErrorKind::Io, "the runtime has ended")));
        let dialing = task.map(move |dialed| dialed.unwrap_or_else(ended)).boxed().shared();
        state.dialing = Some(dialing.clone());
        Ok((state.attempt, dialing, was_down))
    }

    /// Makes what hears that a connection is lost while nobody uses it, so that nothing is sent into the void.
    fn watch(self: &Arc<Self>, attempt: u64) -> Push {
        let link = Arc::downgrade(self);
        Box::new(move |info| {
            if info.kind == PushKind::Disconnection
                && let Some(link) = link.upgrade()
            {
                link.lost(attempt);
            }
        })
    }

    /// Nobody tries to connect again for a moment.
    fn failed(&self, attempt: u64, error: RedisError) {
        let mut state = self.state();
        if state.attempt == attempt {
            state.dialing = None;
            state.failed = Some((Instant::now(), error));
        }
    }

    fn lost(&self, attempt: u64) {
        let mut state = self.state();
        if state.attempt == attempt {
            state.dialing = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server says that it is a replica by now: the primary is to be found where it was, or by Sentinels.
fn demoted(value: &Value) -> Option<RedisError> {
    match value {
        Value::ServerError(error) if error.kind() == Some(ServerErrorKind::ReadOnly) => {
            Some(error.clone().into())
        }
        _ => None,
    }
}

use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value, cmd};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::dial::Push;
use super::subscriber::{Delivery, Inner, Kind};
use super::topology::Address;

/// How often it is asked whether the server still answers.
const PULSE: Duration = Duration::from_secs(10);

/// How long a server may take to answer that, or to confirm a subscription, behind all that it has to bring before. One that
/// stands still for a shorter while brings everything afterwards.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether what a connection brings is still wanted.
#[derive(Clone)]
struct Alive(Arc<watch::Sender<bool>>);

/// A connection that subscribes; ends when it is dropped.
pub(super) struct Wire {
    /// One tells the server something at a time, so that it is known what an answer belongs to.
    connection: Arc<tokio::sync::Mutex<MultiplexedConnection>>,
    alive: Alive,
    pulse: AbortHandle,
}

impl Wire {
    /// Connects to the server, or to a node of a cluster.
    pub(super) async fn open(inner: &Arc<Inner>, node: Option<&Address>) -> RedisResult<Self> {
        let alive = Alive(Arc::new(watch::Sender::new(true)));
        let push = push(Arc::downgrade(inner), node.cloned(), alive.clone());
        let connection = inner.plan.dial(node, None, Some(push)).await?;
        let connection = Arc::new(tokio::sync::Mutex::new(connection));
        let pulse = pulse(connection.clone(), Arc::downgrade(inner), inner.commands.changes(), alive.clone());
        let pulse = tokio::spawn(pulse).abort_handle();
        Ok(Self { connection, alive, pulse })
    }

    /// Subscribes, or ends subscriptions, and waits until the server has confirmed it.
    pub(super) async fn run(
        &self,
        kind: Kind,
        subscribe: bool,
        names: &[&str],
    ) -> RedisResult<Vec<RedisResult<()>>> {
        let late = |_| Err(RedisError::from((ErrorKind::Io, "no answer in time")));
        tokio::select! {
            told = timeout(SILENCE, self.tell(kind, subscribe, names)) => told.unwrap_or_else(late),
            () = self.alive.ended() => Err(RedisError::from((ErrorKind::Io, "the connection was given up"))),
        }
    }

    async fn tell(&self, kind: Kind, subscribe: bool, names: &[&str]) -> RedisResult<Vec<RedisResult<()>>> {
        let confirmation = kind.confirmation(subscribe);
        let mut connection = self.connection.lock().await;
        let mut results = Vec::with_capacity(names.len());
        // When a slot moves the server says so unasked, which is taken for an answer and leaves a true one behind: what is
        // still open is said again, which changes nothing.
        while results.len() < names.len() {
            let open = &names[results.len()..];
            let mut pipeline = Pipeline::with_capacity(open.len());
            for name in open {
                pipeline.add_command(subscription(kind.verb(subscribe), name));
            }
            for answer in connection.req_packed_commands(&pipeline, 0, open.len()).await? {
                let Some(name) = names.get(results.len()) else { break };
                results.extend(read(answer, &confirmation, name.as_bytes())?);
            }
        }
        Ok(results)
    }

    /// Ends the connection; `false` if it had ended before.
    pub(super) fn kill(&self) -> bool {
        self.pulse.abort();
        self.alive.end()
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.is_so()
    }
}

impl Alive {
    fn is_so(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends it; `false` if it had ended before.
    fn end(&self) -> bool {
        self.0.send_if_modified(std::mem::take)
    }

    async fn ended(&self) {
        let _ = self.0.subscribe().wait_for(|alive| !alive).await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads what may be the answer to a command about a channel; `None` if it is not. The outer error is that of the connection.
fn read(answer: Value, confirmation: &PushKind, name: &[u8]) -> RedisResult<Option<RedisResult<()>>> {
    match answer {
        Value::Push { kind, data } => {
            let is_of_it = matches!(data.first(), Some(Value::BulkString(of)) if of == name);
            Ok((kind == *confirmation && is_of_it).then_some(Ok(())))
        }
        Value::ServerError(error) => Ok(Some(Err(error.into()))),
        // To a pulse.
        Value::SimpleString(word) if word == "PONG" => Ok(None),
        _ => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "no answer to a subscription"))),
    }
}

fn subscription(verb: &str, name: &str) -> Cmd {
    let mut command = cmd(verb);
    command.arg(name);
    command
}

/// Makes what takes the messages of a connection, in its own task.
fn push(inner: Weak<Inner>, node: Option<Address>, alive: Alive) -> Push {
    Box::new(move |info| {
        if !alive.is_so() {
            return;
        }
        let Some(inner) = inner.upgrade() else { return };
        match info.kind {
            PushKind::Disconnection => {
                if alive.end() {
                    inner.lost(&RedisError::from((ErrorKind::Io, "the connection is lost")));
                }
            }
            PushKind::SUnsubscribe => {
                if let (Some(node), Some(Value::BulkString(channel))) = (&node, info.data.first()) {
                    inner.left(node, channel);
                }
            }
            _ => {
                if let Some(delivery) = delivery(info) {
                    inner.sink.message(delivery);
                }
            }
        }
    })
}

fn delivery(PushInfo { kind, data }: PushInfo) -> Option<Delivery> {
    let mut data = data.into_iter().map(|value| match value {
        Value::BulkString(bytes) => bytes.into(),
        _ => bytes::Bytes::new(),
    });
    let (kind, pattern) = match kind {
        PushKind::Message => (Kind::Plain, None),
        PushKind::SMessage => (Kind::Shard, None),
        PushKind::PMessage => (Kind::Pattern, Some(data.next()?)),
        _ => return None,
    };
    Some(Delivery { kind, pattern, channel: data.next()?, payload: data.next()? })
}

/// Asks now and then whether the server is there, as a broken connection says nothing by itself.
async fn pulse(
    connection: Arc<tokio::sync::Mutex<MultiplexedConnection>>,
    inner: Weak<Inner>,
    mut changes: watch::Receiver<()>,
    alive: Alive,
) {
    let mut next = Instant::now() + PULSE;
    loop {
        let is_due = tokio::select! {
            () = sleep_until(next) => true,
            Ok(()) = changes.changed() => false,
        };
        // Before the server is asked, which may hang, and not be primary any more.
        match inner.upgrade() {
            Some(inner) => inner.look_around(),
            None => return,
        }
        if !is_due {
            continue;
        }
        let ping = cmd("PING");
        let answered =
            timeout(SILENCE, async { connection.lock().await.req_packed_command(&ping).await }).await;
        let error = match answered {
            Ok(Ok(_)) => {
                next = Instant::now() + PULSE;
                continue;
            }
            Ok(Err(error)) => error,
            Err(_) => RedisError::from((ErrorKind::Io, "the server does not answer")),
        };
        if alive.end()
            && let Some(inner) = inner.upgrade()
        {
            inner.lost(&error);
        }
        return;
    }
}

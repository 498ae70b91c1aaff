use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value, cmd};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::dial::Push;
use super::subscriber::{Delivery, Inner, Kind};
use super::topology::Address;

/// How often it is asked whether the server still answers.
const PULSE: Duration = Duration::from_secs(10);

/// How long a server may take to answer that, or to confirm a subscription, behind all that it has to bring before. One that
/// stands still for a shorter while brings everything afterwards.
const SILENCE: Duration = Duration::from_secs(30);

/// A connection that subscribes; ends when it is dropped.
pub(super) struct Wire {
    connection: MultiplexedConnection,
    /// Whether what it brings is still wanted.
    alive: Arc<AtomicBool>,
    pulse: AbortHandle,
}

impl Wire {
    /// Connects to the server, or to a node of a cluster.
    pub(super) async fn open(inner: &Arc<Inner>, node: Option<&Address>) -> RedisResult<Self> {
        let alive = Arc::new(AtomicBool::new(true));
        let push = push(Arc::downgrade(inner), alive.clone());
        let connection = inner.plan.dial(node, None, Some(push)).await?;
        let pulse =
            tokio::spawn(pulse(connection.clone(), Arc::downgrade(inner), alive.clone())).abort_handle();
        Ok(Self { connection, alive, pulse })
    }

    /// Subscribes, or ends subscriptions, and waits until the server has confirmed it.
    pub(super) fn run(
        &self,
        verb: &'static str,
        names: &[&str],
    ) -> impl Future<Output = RedisResult<Vec<RedisResult<()>>>> + Send + use<> {
        let mut pipeline = Pipeline::with_capacity(names.len());
        for name in names {
            pipeline.add_command(subscription(verb, name));
        }
        let expected: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut connection = self.connection.clone();
        async move {
            let sent = connection.req_packed_commands(&pipeline, 0, expected.len());
            let late = |_| Err(RedisError::from((ErrorKind::Io, "no answer in time")));
            let values = timeout(SILENCE, sent).await.unwrap_or_else(late)?;
            values.into_iter().zip(&expected).map(|(value, name)| confirmed(value, name)).collect()
        }
    }

    /// Ends the connection; `false` if it had ended before.
    pub(super) fn kill(&self) -> bool {
        self.pulse.abort();
        self.alive.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads the answer to a command about a channel: the outer error is that of the connection.
fn confirmed(answer: Value, name: &[u8]) -> RedisResult<RedisResult<()>> {
    match answer {
        Value::Push { data, .. } if matches!(data.first(), Some(Value::BulkString(of)) if of == name) => {
            Ok(Ok(()))
        }
        Value::ServerError(error) => Ok(Err(error.into())),
        // A slot moved meanwhile, and the server's word of it was taken for an answer.
        _ => Err(RedisError::from((ErrorKind::Io, "an answer is out of order"))),
    }
}

fn subscription(verb: &str, name: &str) -> Cmd {
    let mut command = cmd(verb);
    command.arg(name);
    command
}

/// Makes what takes the messages of a connection, in its own task.
fn push(inner: Weak<Inner>, alive: Arc<AtomicBool>) -> Push {
    Box::new(move |info| {
        if !alive.load(Ordering::Acquire) {
            return;
        }
        let Some(inner) = inner.upgrade() else { return };
        match info.kind {
            PushKind::Disconnection => {
                if alive.swap(false, Ordering::AcqRel) {
                    inner.lost(&RedisError::from((ErrorKind::Io, "the connection is lost")));
                }
            }
            PushKind::SUnsubscribe => {
                if let Some(Value::BulkString(channel)) = info.data.into_iter().next() {
                    inner.left(channel);
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
async fn pulse(mut connection: MultiplexedConnection, inner: Weak<Inner>, alive: Arc<AtomicBool>) {
    loop {
        sleep(PULSE).await;
        let ping = cmd("PING");
        let answered = timeout(SILENCE, connection.req_packed_command(&ping)).await;
        let Some(inner) = inner.upgrade() else { return };
        let error = match answered {
            Ok(Ok(_)) => {
                inner.look_around();
                continue;
            }
            Ok(Err(error)) => error,
            Err(_) => RedisError::from((ErrorKind::Io, "the server does not answer")),
        };
        if alive.swap(false, Ordering::AcqRel) {
            inner.lost(&error);
        }
        return;
    }
}

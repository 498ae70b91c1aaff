use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};
use tower_socketio_adapter::{
    BoxFuture, Bus, BusError, Inbox, Membership, Message, Offset, Posting, Sessions, StoredSession, To,
};

use super::commands::millis;
use super::inner::Inner;
use super::session;
use crate::connection::Job;
use crate::counting::sum_subscribers;

/// Carries messages over streams.
#[derive(Debug)]
pub(super) struct StreamsBus(pub(super) Arc<Inner>);

impl Bus for StreamsBus {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.0.open(namespace, node, inbox))
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async move {
            self.0.publish(&[Posting::new(message, to)]).await.pop().expect("each message has a result")
        })
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        Box::pin(self.0.publish(postings))
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.0.close(namespace, node))
    }

    fn membership(&self) -> Membership {
        Membership::Counted
    }

    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        Box::pin(async move {
            let channel = self.0.options.names.public_channel(namespace);
            let command = self.0.options.numsub(namespace);
            let answers = match self.0.options.sharded {
                true => self.0.commands.run_around(&channel, &command).await,
                // In a cluster others may have subscribed on a replica.
                false => self.0.commands.run_everywhere(&command, true).await,
            };
            let answers = answers.map_err(BusError::down)?;
            Ok(sum_subscribers(&answers) + self.0.twins(namespace))
        })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        Some(self)
    }
}

/// Readers end with the bus, even if what it carried was not closed.
impl Drop for StreamsBus {
    fn drop(&mut self) {
        self.0.positions().clear();
        self.0.wake.send_replace(());
    }
}

impl Sessions for StreamsBus {
    fn save<'a>(
        &'a self,
        session: &'a StoredSession,
        window: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let encoded = session::encode(session).map_err(BusError::refused)?;
            let key = self.0.session_key(&session.pid);
            let mut command = cmd("SET");
            command.arg(&key).arg(encoded).arg("PX").arg(millis(window));
            self.0.commands.run(Job::new(key, command)).await.map(drop).map_err(BusError::down)
        })
    }

    fn take<'a>(&'a self, pid: &'a str) -> BoxFuture<'a, Result<Option<StoredSession>, BusError>> {
        Box::pin(async move {
            let key = self.0.session_key(pid);
            let mut command = cmd("GETDEL");
            command.arg(&key);
            let answer = self.0.commands.run(Job::new(key, command)).await.map_err(BusError::down)?;
            let Value::BulkString(encoded) = answer else { return Ok(None) };
            let session = session::decode(&encoded).inspect_err(|error| {
                tracing::debug!(target: "socketio::adapter", %error, "no session under the key of one");
            });
            Ok(session.ok().filter(|session| session.pid == pid))
        })
    }
}

impl Inner {
    fn session_key(&self, pid: &str) -> String {
        format!("{}{pid}", self.options.session_key_prefix)
    }
}

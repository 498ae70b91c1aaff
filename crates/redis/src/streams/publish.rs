use redis::{Cmd, RedisResult, Value, cmd};
use tower_socketio_adapter::{BusError, Message, Offset, Posting, To};

use super::commands::append;
use super::entry::{CodecError, is_ephemeral};
use super::id;
use super::inner::{Inner, Options};
use crate::connection::Job;

impl Inner {
    /// Publishes messages in one round trip, in order.
    pub(super) async fn publish(&self, postings: &[Posting<'_>]) -> Vec<Result<Option<Offset>, BusError>> {
        let mut jobs = Vec::with_capacity(postings.len());
        let mut results: Vec<_> = postings
            .iter()
            .map(|posting| match self.options.job(posting.message, posting.to) {
                Ok(job) => {
                    jobs.push((posting, job));
                    Ok(None)
                }
                Err(error) => Err(BusError::refused(error)),
            })
            .collect();
        let numsub = |namespace: &str| self.options.numsub(namespace);
        let answers = self.commands.run_counted(jobs, numsub, |namespace| self.twins(namespace)).await;
        for (result, answer) in results.iter_mut().filter(|result| result.is_ok()).zip(answers) {
            *result = offset(answer);
        }
        results
    }

    /// How many nodes of a namespace there are here beside one: they are one subscriber.
    pub(super) fn twins(&self, namespace: &str) -> usize {
        self.positions().nodes(namespace).saturating_sub(1)
    }
}

impl Options {
    /// Makes the command that counts the nodes of a namespace.
    pub(super) fn numsub(&self, namespace: &str) -> Cmd {
        let mut command = cmd("PUBSUB");
        command.arg(if self.sharded { "SHARDNUMSUB" } else { "NUMSUB" });
        command.arg(self.names.public_channel(namespace));
        command
    }

    /// Makes the command that publishes a message.
    pub(super) fn job(&self, message: &Message, to: To<'_>) -> Result<Job, CodecError> {
        let namespace = message.namespace.as_deref().ok_or("a message without a namespace")?;
        let channel = match to {
            To::Node(node) => self.names.private_channel(namespace, node),
            _ if is_ephemeral(message) => self.names.public_channel(namespace),
            _ => {
                let stream = self.names.stream(self.names.home(namespace));
                let command = append(&stream, self.max_len, message)?;
                return Ok(Job::new(stream, command));
            }
        };
        let mut command = cmd(if self.sharded { "SPUBLISH" } else { "PUBLISH" });
        // Always in msgpack: Node reads nothing else there.
        command.arg(&channel).arg(message.to_msgpack()?);
        Ok(if self.sharded { Job::new(&channel, command) } else { Job::anywhere(command) })
    }
}

/// The id of the entry, if it became one.
fn offset(answer: RedisResult<Value>) -> Result<Option<Offset>, BusError> {
    match answer {
        Ok(Value::BulkString(id)) => Ok(id::parse(&id)),
        Ok(_) => Ok(None),
        // Channels may be open while nothing can be written.
        Err(error) if error.code().is_some_and(|code| UNWRITABLE.contains(&code)) => {
            Err(BusError::refused(error))
        }
        Err(error) => Err(BusError::down(error)),
    }
}

/// What Redis says when it does not write to a stream, though it is there: its memory is full, its disk is, it has too few
/// replicas, the user may not, or the key is something else.
const UNWRITABLE: [&str; 5] = ["OOM", "MISCONF", "NOREPLICAS", "NOPERM", "WRONGTYPE"];

use redis::{Cmd, RedisResult, Value, cmd};
use tower_socketio_adapter::{BusError, Message, Offset, Posting, To};

use super::commands::append;
use super::entry::{CodecError, is_ephemeral, payload};
use super::id;
use super::inner::{Inner, Options};
use crate::connection::Job;
use crate::emitter::Format;

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

    fn job(&self, message: &Message, to: To<'_>) -> Result<Job, CodecError> {
        let namespace = message.namespace.as_deref().ok_or(NAMELESS)?;
        let channel = match to {
            To::Node(node) => self.names.private_channel(namespace, node),
            _ if is_ephemeral(message) => self.names.public_channel(namespace),
            _ => return self.append(message).map(|(stream, command)| Job::new(stream, command)),
        };
        let mut command = cmd(if self.sharded { "SPUBLISH" } else { "PUBLISH" });
        command.arg(&channel).arg(payload(message)?);
        Ok(if self.sharded { Job::new(&channel, command) } else { Job::anywhere(command) })
    }

    /// Makes the command that appends a message to the stream of its namespace.
    pub(super) fn append(&self, message: &Message) -> Result<(String, Cmd), CodecError> {
        let namespace = message.namespace.as_deref().ok_or(NAMELESS)?;
        let stream = self.names.stream(self.names.home(namespace));
        let command = append(&stream, self.max_len, message)?;
        Ok((stream, command))
    }
}

/// Emitters append everything, events for programs, too, as they are not answered.
impl Format for Options {
    fn job(&self, message: &Message, _: To<'_>) -> Result<Option<Job>, BusError> {
        let (stream, command) = self.append(message).map_err(BusError::refused)?;
        Ok(Some(Job::new(stream, command)))
    }
}

const NAMELESS: &str = "a message without a namespace";

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

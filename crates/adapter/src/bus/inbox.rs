use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BusError, Message, Offset};

/// Takes what a carrier brings for one node in one namespace.
///
/// A carrier calls it from one task, in the order in which things happened. It never waits, and what it does takes as
/// long as delivering a broadcast to the sockets of this node.
#[derive(Clone)]
pub struct Inbox {
    take: Arc<dyn Fn(Result<Incoming, BusError>) + Send + Sync>,
    malformed: Option<Arc<dyn Fn() + Send + Sync>>,
    history: Option<History>,
}

#[derive(Clone)]
struct History {
    age: Duration,
    begin: Arc<dyn Fn(Offset) + Send + Sync>,
}

impl Inbox {
    /// Creates an inbox from what is done with messages, and with the end of the subscription.
    pub fn new(take: impl Fn(Result<Incoming, BusError>) + Send + Sync + 'static) -> Self {
        Self { take: Arc::new(take), malformed: None, history: None }
    }

    /// Has `count` called for each thing that comes and is no message.
    pub fn with_malformed(mut self, count: impl Fn() + Send + Sync + 'static) -> Self {
        self.malformed = Some(Arc::new(count));
        self
    }

    /// Asks for the messages of that long ago, too; `begin` is told behind which offset none is missing.
    pub fn with_history(mut self, age: Duration, begin: impl Fn(Offset) + Send + Sync + 'static) -> Self {
        self.history = Some(History { age, begin: Arc::new(begin) });
        self
    }

    /// How far back messages are wanted, of carriers that keep them: these say where that [begins](Self::begin), bring
    /// what was published since then, in order and marked as [past](Incoming::past), and go on without a gap. `None` means
    /// from now on.
    ///
    /// Where it is asked for, the node's own messages are wanted, too, each with its offset.
    pub fn history(&self) -> Option<Duration> {
        self.history.as_ref().map(|history| history.age)
    }

    /// Every message behind this offset has come or will come; those before it may be missing. Said before the history,
    /// and again if messages are lost later on.
    pub fn begin(&self, offset: Offset) {
        if let Some(history) = &self.history {
            (history.begin)(offset);
        }
    }

    /// Takes a message.
    pub fn message(&self, incoming: Incoming) {
        (self.take)(Ok(incoming));
    }

    /// Something has come that is no message: it is counted, as [`Cluster::ignored`](crate::Cluster::ignored), and otherwise
    /// passed over.
    pub fn malformed(&self) {
        if let Some(count) = &self.malformed {
            count();
        }
    }

    /// The subscription has ended by itself: nothing comes any more, until it is opened again.
    pub fn fail(&self, reason: BusError) {
        (self.take)(Err(reason));
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// A message that a carrier brings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incoming {
    /// The message.
    pub message: Message,
    /// Its place, if the carrier has such a thing.
    pub offset: Option<Offset>,
    /// Whether it is from before the subscription, and is not to be acted upon any more.
    pub past: bool,
}

impl Incoming {
    /// Creates a message with its place, if the carrier has such a thing.
    pub fn new(message: Message, offset: Option<Offset>) -> Self {
        Self { message, offset, past: false }
    }

    /// Says that the message is from before the subscription.
    pub fn past(mut self) -> Self {
        self.past = true;
        self
    }
}

impl From<Message> for Incoming {
    fn from(message: Message) -> Self {
        Self::new(message, None)
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BusError, Message};

/// Takes what a carrier brings for one node in one namespace.
///
/// A carrier calls it from one task, in the order in which things happened. It never waits, and what it does takes as
/// long as delivering a broadcast to the sockets of this node.
#[derive(Clone)]
pub struct Inbox {
    take: Arc<dyn Fn(Result<Incoming, BusError>) + Send + Sync>,
    history: Option<Duration>,
}

impl Inbox {
    /// Creates an inbox from what is done with messages, and with the end of the subscription.
    pub fn new(take: impl Fn(Result<Incoming, BusError>) + Send + Sync + 'static) -> Self {
        Self { take: Arc::new(take), history: None }
    }

    /// Asks for the messages of that long ago, too.
    pub fn with_history(mut self, history: Duration) -> Self {
        self.history = Some(history);
        self
    }

    /// How far back messages are wanted, of carriers that keep them: these first bring those, in order and marked as
    /// [past](Incoming::past), and go on without a gap. `None` means from now on.
    ///
    /// Where it is asked for, the node's own messages are wanted, too, each with its offset.
    pub fn history(&self) -> Option<Duration> {
        self.history
    }

    /// Takes a message.
    pub fn message(&self, incoming: Incoming) {
        (self.take)(Ok(incoming));
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

/// Where a message stands among all of a carrier that keeps them, such as the id of an entry in a Redis stream.
pub type Offset = String;

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

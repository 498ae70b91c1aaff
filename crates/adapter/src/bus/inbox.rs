use std::fmt;
use std::sync::Arc;

use super::{BusError, Message};

/// Takes what a carrier brings for one node in one namespace.
///
/// A carrier calls it from one task, in the order in which things happened. It never waits, and what it does takes as
/// long as delivering a broadcast to the sockets of this node.
#[derive(Clone)]
pub struct Inbox(Arc<dyn Fn(Result<Incoming, BusError>) + Send + Sync>);

impl Inbox {
    /// Creates an inbox from what is done with messages, and with the end of the subscription.
    pub fn new(take: impl Fn(Result<Incoming, BusError>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Takes a message.
    pub fn message(&self, incoming: Incoming) {
        (self.0)(Ok(incoming));
    }

    /// The subscription has ended by itself: nothing comes any more, until it is opened again.
    pub fn fail(&self, reason: BusError) {
        (self.0)(Err(reason));
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
pub struct Incoming {
    /// The message.
    pub message: Message,
    /// Its place, if the carrier has such a thing.
    pub offset: Option<Offset>,
}

impl From<Message> for Incoming {
    fn from(message: Message) -> Self {
        Self { message, offset: None }
    }
}

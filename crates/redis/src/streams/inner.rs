use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tower_socketio_adapter::{BusError, Inbox, Incoming};

use super::entry::Entry;
use super::names::{Names, Number};
use super::positions::{Positions, Recipient};
use crate::connection::{Commands, Delivery, Kind, Plan};
use crate::envelopes::bring;
use crate::subscriptions::{Reader, Seat, Subscriptions};

/// What the bus and its readers share.
pub(super) struct Inner {
    pub(super) options: Options,
    pub(super) commands: Arc<Commands>,
    pub(super) channels: Arc<Subscriptions>,
    positions: Mutex<Positions>,
    /// Whoever starts readers holds it.
    pub(super) starting: tokio::sync::Mutex<()>,
    /// Tells the readers that somebody came or went.
    pub(super) wake: watch::Sender<()>,
    /// Tells those who came that somebody is at the tip of a stream, or interrupted.
    pub(super) progress: watch::Sender<()>,
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) names: Names,
    pub(super) sharded: bool,
    pub(super) max_len: u64,
    pub(super) read_count: usize,
    pub(super) block_time: Duration,
    pub(super) session_key_prefix: String,
}

/// Reads the envelopes on channels.
struct Envelopes;

/// Those of Node.
impl Default for Options {
    fn default() -> Self {
        let names = Names {
            stream: "socket.io".to_owned(),
            streams: NonZeroU32::MIN,
            channel: "socket.io".to_owned(),
        };
        Self {
            names,
            sharded: false,
            max_len: 10_000,
            read_count: 100,
            block_time: Duration::from_secs(5),
            session_key_prefix: "sio:session:".to_owned(),
        }
    }
}

impl Options {
    pub(super) fn kind(&self) -> Kind {
        if self.sharded { Kind::Shard } else { Kind::Plain }
    }
}

impl Inner {
    pub(super) fn new(plan: Arc<Plan>, commands: Arc<Commands>, options: Options) -> Self {
        Self {
            options,
            channels: Subscriptions::new(plan, commands.clone(), Envelopes),
            commands,
            positions: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
            wake: watch::Sender::default(),
            progress: watch::Sender::default(),
        }
    }

    pub(super) fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts all subscriptions, as a stream cannot be read any more.
    pub(super) fn lost(&self, stream: Number, reason: &str) {
        let inboxes = self.positions().fail(stream);
        self.progress.send_replace(());
        for inbox in inboxes {
            inbox.fail(BusError::down(reason));
        }
    }

    /// Brings an entry to those who are to hear it.
    pub(super) fn deliver(&self, stream: Number, entry: &Entry, recipients: &mut Vec<Recipient>) {
        let namespace = entry.namespace().unwrap_or_default();
        // Places in several streams have no order.
        let offset = (stream == self.options.names.home(namespace)).then_some(entry.id);
        match entry.message(namespace.into()) {
            Ok(message) => {
                for Recipient { inbox, past } in recipients.drain(..) {
                    let incoming = Incoming::new(message.clone(), offset);
                    inbox.message(if past { incoming.past() } else { incoming });
                }
            }
            Err(error) => {
                tracing::debug!(target: "socketio::adapter", namespace, %error, "no message in a stream");
                recipients.drain(..).for_each(|recipient| recipient.inbox.malformed());
            }
        }
    }
}

impl Reader for Envelopes {
    fn read(&self, delivery: &Delivery, seat: &Seat, inbox: &Inbox, _: &Subscriptions) {
        bring(delivery, seat, inbox);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamsBus")
            .field("options", &self.options)
            .field("commands", &self.commands)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

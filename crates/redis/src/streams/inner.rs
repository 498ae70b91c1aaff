use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::RedisError;
use tokio::sync::{RwLock, watch};
use tower_socketio_adapter::{BusError, Incoming, Message};

use super::entry::Entry;
use super::names::{Names, Number};
use super::positions::{Positions, Recipient};
use crate::connection::{Commands, Delivery, Kind, Sink, Subscriber};

/// What the bus, its readers and its subscriber share.
pub(super) struct Inner {
    pub(super) options: Options,
    pub(super) commands: Arc<Commands>,
    pub(super) subscriber: Subscriber,
    pub(super) positions: Mutex<Positions>,
    /// Whose channels are subscribed to.
    pub(super) channels: Mutex<HashMap<Box<[u8]>, Channel>>,
    /// Whoever starts readers holds it.
    pub(super) starting: tokio::sync::Mutex<()>,
    /// Held by those who subscribe to channels, and alone by who ends that.
    pub(super) subscribing: RwLock<()>,
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

/// A namespace, or one of its nodes.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) namespace: Arc<str>,
    pub(super) node: Option<Arc<str>>,
}

/// What the subscriber has of the bus.
pub(super) struct Ear(pub(super) Weak<Inner>);

impl Options {
    pub(super) fn kind(&self) -> Kind {
        if self.sharded { Kind::Shard } else { Kind::Plain }
    }
}

impl Inner {
    pub(super) fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn channels(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all subscriptions, as one connection that they need is lost; which one, if it read a stream.
    pub(super) fn lost(&self, stream: Option<Number>, reason: &str) {
        let inboxes = self.positions().interrupt_all(stream);
        self.progress.send_replace(());
        for inbox in inboxes {
            inbox.fail(BusError::down(reason));
        }
    }
}

impl Inner {
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
                recipients.clear();
                tracing::debug!(target: "socketio::adapter", namespace, %error, "no message in a stream");
            }
        }
    }
}

impl Sink for Ear {
    fn message(&self, delivery: Delivery) {
        let Some(inner) = self.0.upgrade() else { return };
        let Some(channel) = inner.channels().get(&delivery.channel[..]).cloned() else { return };
        let inboxes = inner.positions().inboxes(&channel.namespace, channel.node.as_deref());
        if inboxes.is_empty() {
            return;
        }
        match Message::decode(&delivery.payload) {
            Ok(message) => inboxes.iter().for_each(|inbox| inbox.message(message.clone().into())),
            Err(error) => {
                let namespace = &*channel.namespace;
                tracing::debug!(target: "socketio::adapter", namespace, %error, "no message on a channel");
            }
        }
    }

    fn lost(&self, reason: &RedisError) {
        if let Some(inner) = self.0.upgrade() {
            inner.lost(None, &reason.to_string());
        }
    }
}

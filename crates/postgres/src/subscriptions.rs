use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_socketio_adapter::{BusError, Inbox, Incoming, Message};

use crate::channel::Channel;
use crate::note::Header;

/// Who listens to what, on one connection.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Mutex<State>);

#[derive(Debug)]
struct State {
    channels: HashMap<Box<str>, Vec<Subscription>>,
    /// Whether the connection is there.
    open: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { channels: HashMap::new(), open: true }
    }
}

/// A node in a namespace.
#[derive(Clone, Debug)]
struct Subscription {
    namespace: Box<str>,
    node: Box<str>,
    /// Whether the channel is this namespace's only.
    exact: bool,
    inbox: Inbox,
}

impl Subscriptions {
    /// Subscribes a node, or puts another inbox in place of its old one; `false` if the connection is lost.
    pub(crate) fn add(&self, channel: &Channel, namespace: &str, node: &str, inbox: Inbox) -> bool {
        let mut state = self.lock();
        if !state.open {
            return false;
        }
        let subscriptions = state.channels.entry(channel.name().into()).or_default();
        subscriptions.retain(|subscription| !subscription.is(namespace, node));
        let exact = channel.is_exact();
        subscriptions.push(Subscription { namespace: namespace.into(), node: node.into(), exact, inbox });
        true
    }

    /// Ends a subscription; returns whether nobody listens to the channel any more who did before.
    pub(crate) fn remove(&self, channel: &Channel, namespace: &str, node: &str) -> bool {
        let mut state = self.lock();
        let Some(subscriptions) = state.channels.get_mut(channel.name()) else { return false };
        subscriptions.retain(|subscription| !subscription.is(namespace, node));
        subscriptions.is_empty() && state.channels.remove(channel.name()).is_some()
    }

    /// Whether somebody listens to the channel who did not send this.
    pub(crate) fn is_wanted(&self, channel: &str, header: &Header) -> bool {
        let state = self.lock();
        let mut subscriptions = state.channels.get(channel).into_iter().flatten();
        subscriptions.any(|subscription| *subscription.node != *header.node)
    }

    /// Gives a message to whom it is for.
    ///
    /// One without a namespace, as Node's emitter writes it, is for that of the channel, unless it is several's.
    pub(crate) fn deliver(&self, channel: &str, message: &Message) {
        let is_for = |subscription: &&Subscription| match &message.namespace {
            Some(namespace) => **namespace == *subscription.namespace,
            None => subscription.exact,
        };
        // Others may come and go while it is delivered.
        let inboxes: Vec<_> = {
            let state = self.lock();
            let subscriptions = state.channels.get(channel).into_iter().flatten();
            subscriptions.filter(is_for).map(|subscription| subscription.inbox.clone()).collect()
        };
        for inbox in inboxes {
            inbox.message(Incoming::from(message.clone()));
        }
    }

    /// Tells those who sent it that their message came back, which lies in the table and is not fetched.
    pub(crate) fn echo(&self, channel: &str, header: &Header) {
        let own: Vec<_> = {
            let state = self.lock();
            let subscriptions = state.channels.get(channel).into_iter().flatten();
            let own = subscriptions.filter(|subscription| *subscription.node == *header.node);
            own.cloned().collect()
        };
        for Subscription { namespace, inbox, .. } in own {
            let (namespace, node) = (Some(Arc::from(namespace)), header.node.clone());
            let message = Message::new(header.kind, namespace, node, Default::default(), Vec::new());
            inbox.message(message.into());
        }
    }

    /// The connection is lost: everybody is told, once.
    pub(crate) fn fail(&self, reason: impl Fn() -> BusError) {
        let channels = {
            let mut state = self.lock();
            state.open = false;
            std::mem::take(&mut state.channels)
        };
        for subscription in channels.into_values().flatten() {
            subscription.inbox.fail(reason());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    fn is(&self, namespace: &str, node: &str) -> bool {
        *self.namespace == *namespace && *self.node == *node
    }
}

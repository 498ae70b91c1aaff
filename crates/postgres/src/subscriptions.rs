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

    /// Ends a subscription.
    pub(crate) fn remove(&self, channel: &Channel, namespace: &str, node: &str) {
        let mut state = self.lock();
        let Some(subscriptions) = state.channels.get_mut(channel.name()) else { return };
        subscriptions.retain(|subscription| !subscription.is(namespace, node));
        if subscriptions.is_empty() {
            state.channels.remove(channel.name());
        }
    }

    /// Whether nobody listens to the channel.
    pub(crate) fn is_silent(&self, channel: &Channel) -> bool {
        !self.lock().channels.contains_key(channel.name())
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
        let is_for = |subscription: &Subscription| match &message.namespace {
            Some(namespace) => **namespace == *subscription.namespace,
            None => subscription.exact,
        };
        for inbox in self.inboxes(channel, is_for) {
            inbox.message(Incoming::from(message.clone()));
        }
    }

    /// Tells everybody on a channel that something came which is no message.
    pub(crate) fn malformed(&self, channel: &str) {
        self.inboxes(channel, |_| true).iter().for_each(Inbox::malformed);
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

    /// Some of those on a channel; others may come and go while these are told something.
    fn inboxes(&self, channel: &str, which: impl Fn(&Subscription) -> bool) -> Vec<Inbox> {
        let state = self.lock();
        let subscriptions = state.channels.get(channel).into_iter().flatten();
        subscriptions
            .filter(|subscription| which(subscription))
            .map(|subscription| subscription.inbox.clone())
            .collect()
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

#[cfg(test)]
pub(crate) mod tests {
    use tower_socketio_adapter::MessageKind;

    use super::*;

    /// What inboxes heard, in order.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

    impl Heard {
        /// An inbox that writes down what it hears behind its name.
        pub(crate) fn inbox(&self, name: &str) -> Inbox {
            let (heard, name) = (self.0.clone(), name.to_owned());
            let (malformed, its) = (self.clone(), name.clone());
            Inbox::new(move |incoming| {
                let what = match incoming {
                    Ok(incoming) => format!("{name}: {}", String::from_utf8_lossy(&incoming.message.data)),
                    Err(error) => format!("{name} failed: {}", crate::error::whole(&error)),
                };
                heard.lock().unwrap().push(what);
            })
            .with_malformed(move || malformed.0.lock().unwrap().push(format!("{its}: malformed")))
        }

        pub(crate) fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    fn message(namespace: Option<&str>, data: &'static str) -> Message {
        let namespace = namespace.map(Arc::from);
        Message::new(MessageKind::Broadcast, namespace, "b".into(), data.into(), Vec::new())
    }

    fn header(node: &str) -> Header {
        Header { node: node.into(), kind: MessageKind::Broadcast, id: 1 }
    }

    fn subscribed(namespaces: &[(&str, &str)]) -> (Subscriptions, Heard) {
        let (subscriptions, heard) = (Subscriptions::default(), Heard::default());
        for (namespace, node) in namespaces {
            let channel = Channel::new("socket.io", namespace);
            assert!(subscriptions.add(&channel, namespace, node, heard.inbox(node)));
        }
        (subscriptions, heard)
    }

    #[test]
    fn a_message_goes_to_all_nodes_of_its_namespace_here() {
        let (subscriptions, heard) = subscribed(&[("/", "a"), ("/", "b"), ("/chat", "c")]);
        subscriptions.deliver("socket.io#/", &message(Some("/"), "1"));
        subscriptions.deliver("socket.io#/chat", &message(Some("/chat"), "2"));
        subscriptions.deliver("socket.io#/none", &message(Some("/none"), "3"));
        assert_eq!(heard.take(), ["a: 1", "b: 1", "c: 2"]);
    }

    #[test]
    fn a_message_without_a_namespace_is_for_that_of_its_channel() {
        let (subscriptions, heard) = subscribed(&[("/", "a")]);
        subscriptions.deliver("socket.io#/", &message(None, "1"));
        assert_eq!(heard.take(), ["a: 1"]);
    }

    #[test]
    fn a_message_of_another_namespace_on_the_channel_is_for_nobody() {
        let (subscriptions, heard) = subscribed(&[("/", "a"), ("/chat", "c")]);
        subscriptions.deliver("socket.io#/", &message(Some("/chat"), "1"));
        assert_eq!(heard.take(), [""; 0]);
    }

    #[test]
    fn a_channel_with_a_hash_says_no_namespace() {
        let long = "/".repeat(80);
        let (subscriptions, heard) = subscribed(&[(&long, "a")]);
        let channel = Channel::new("socket.io", &long);
        subscriptions.deliver(channel.name(), &message(None, "1"));
        subscriptions.deliver(channel.name(), &message(Some(&long), "2"));
        assert_eq!(heard.take(), ["a: 2"]);
    }

    #[test]
    fn only_what_others_sent_is_wanted_from_the_table() {
        let (subscriptions, heard) = subscribed(&[("/", "a")]);
        assert!(!subscriptions.is_wanted("socket.io#/", &header("a")));
        assert!(subscriptions.is_wanted("socket.io#/", &header("b")));
        assert!(!subscriptions.is_wanted("socket.io#/none", &header("b")));
        subscriptions.echo("socket.io#/", &header("b"));
        assert_eq!(heard.take(), [""; 0]);
        subscriptions.echo("socket.io#/", &header("a"));
        assert_eq!(heard.take(), ["a: "]);
        let (subscriptions, _) = subscribed(&[("/", "a"), ("/", "b")]);
        assert!(subscriptions.is_wanted("socket.io#/", &header("a")), "the other node wants it");
    }

    #[test]
    fn a_subscription_takes_the_place_of_an_older_one() {
        let (subscriptions, heard) = subscribed(&[("/", "a")]);
        let channel = Channel::new("socket.io", "/");
        assert!(subscriptions.add(&channel, "/", "a", heard.inbox("new")));
        subscriptions.deliver("socket.io#/", &message(None, "1"));
        assert_eq!(heard.take(), ["new: 1"]);
    }

    #[test]
    fn a_channel_is_silent_when_its_last_subscription_has_ended() {
        let (subscriptions, heard) = subscribed(&[("/", "a"), ("/", "b")]);
        let channel = Channel::new("socket.io", "/");
        for node in ["a", "a", "c"] {
            subscriptions.remove(&channel, "/", node);
            assert!(!subscriptions.is_silent(&channel));
        }
        subscriptions.deliver("socket.io#/", &message(None, "1"));
        assert_eq!(heard.take(), ["b: 1"]);
        subscriptions.remove(&channel, "/", "b");
        assert!(subscriptions.is_silent(&channel));
    }

    #[test]
    fn a_lost_connection_is_told_once_to_each_and_takes_nobody_any_more() {
        let (subscriptions, heard) = subscribed(&[("/", "a"), ("/chat", "c")]);
        subscriptions.fail(|| BusError::down("gone"));
        subscriptions.fail(|| BusError::down("gone again"));
        let mut told = heard.take();
        told.sort();
        assert_eq!(told, ["a failed: the bus is down: gone", "c failed: the bus is down: gone"]);
        assert!(!subscriptions.add(&Channel::new("socket.io", "/"), "/", "a", heard.inbox("a")));
        subscriptions.deliver("socket.io#/", &message(None, "1"));
        assert_eq!(heard.take(), [""; 0]);
    }
}

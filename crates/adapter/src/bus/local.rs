use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Bus, BusError, Inbox, Membership, Message, Offset, To};
use crate::BoxFuture;

/// How many messages may wait for one node.
const CAPACITY: usize = 16_384;

/// Connects nodes inside one process: for tests, and for several servers in one program.
///
/// Clones are the same bus. Messages are encoded and decoded as on a network, and brought to all nodes of their namespace
/// in one order, the sender and those they are not for included. A node that lets more than 16 384 messages wait loses
/// its subscription with them, and opens it again.
///
/// ```
/// use tower_socketio_adapter::{Cluster, LocalBus};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let bus = LocalBus::new();
/// let (one, two) = (Cluster::new(bus.clone()), Cluster::new(bus.clone()));
/// bus.outage(true); // from now on nobody hears of anybody
/// # }
/// ```
#[derive(Clone, Default)]
pub struct LocalBus(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    membership: Membership,
}

#[derive(Default)]
struct State {
    down: bool,
    namespaces: HashMap<Box<str>, HashMap<Box<str>, Subscription>>,
}

struct Subscription {
    inbox: Inbox,
    queue: mpsc::Sender<Sent>,
}

/// A message as bytes.
#[derive(Clone)]
struct Sent {
    json: Bytes,
    attachments: Vec<Bytes>,
}

impl LocalBus {
    /// Creates a bus without nodes, which know of each other by heartbeats.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a bus without nodes, whose number it says at each request, as Redis does.
    pub fn counted() -> Self {
        Self(Arc::new(Inner { membership: Membership::Counted, ..Inner::default() }))
    }

    /// Begins or ends an outage: all subscriptions are lost, and nothing can be opened, published or counted.
    pub fn outage(&self, on: bool) {
        let lost = {
            let mut state = self.state();
            state.down = on;
            if on { std::mem::take(&mut state.namespaces) } else { HashMap::new() }
        };
        for subscription in lost.into_values().flat_map(HashMap::into_values) {
            subscription.inbox.fail(outage());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(&self, namespace: &str, node: &str, inbox: Inbox) -> Result<(), BusError> {
        let mut state = self.state();
        if state.down {
            return Err(outage());
        }
        let (queue, sent) = mpsc::channel(CAPACITY);
        tokio::spawn(bring(sent, inbox.clone()));
        let nodes = state.namespaces.entry(namespace.into()).or_default();
        nodes.insert(node.into(), Subscription { inbox, queue });
        Ok(())
    }

    fn send(&self, message: &Message) -> Result<(), BusError> {
        let sent = Sent { json: message.to_json().into(), attachments: message.attachments.clone() };
        let namespace = message.namespace.as_deref().unwrap_or_default();
        let mut slow = Vec::new();
        {
            let mut state = self.state();
            if state.down {
                return Err(outage());
            }
            let Some(nodes) = state.namespaces.get_mut(namespace) else { return Ok(()) };
            nodes.retain(|_, subscription| {
                let keeps_up = subscription.queue.try_send(sent.clone()).is_ok();
                if !keeps_up {
                    slow.push(subscription.inbox.clone());
                }
                keeps_up
            });
        }
        for inbox in slow {
            inbox.fail(BusError::down("the node fell behind"));
        }
        Ok(())
    }
}

impl Bus for LocalBus {
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { self.subscribe(namespace, node, inbox) })
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        _: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async move { self.send(message).map(|()| None) })
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        let mut state = self.state();
        if let Some(nodes) = state.namespaces.get_mut(namespace) {
            nodes.remove(node);
            if nodes.is_empty() {
                state.namespaces.remove(namespace);
            }
        }
        Box::pin(ready(()))
    }

    fn membership(&self) -> Membership {
        self.0.membership
    }

    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        let state = self.state();
        let count = if state.down {
            Err(outage())
        } else {
            Ok(state.namespaces.get(namespace).map_or(0, HashMap::len))
        };
        Box::pin(ready(count))
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("LocalBus")
            .field("down", &state.down)
            .field("namespaces", &state.namespaces.len())
            .finish_non_exhaustive()
    }
}

/// Brings a node what was sent, until its subscription ends.
async fn bring(mut sent: mpsc::Receiver<Sent>, inbox: Inbox) {
    while let Some(Sent { json, attachments }) = sent.recv().await {
        match Message::from_json(&json, attachments) {
            Ok(message) => inbox.message(message.into()),
            Err(error) => tracing::debug!(target: "socketio::adapter", %error, "no message"),
        }
    }
}

fn outage() -> BusError {
    BusError::down("there is an outage")
}

use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::journal::Journal;
use super::{
    Bus, BusError, Inbox, Incoming, Membership, Message, Offset, Posting, Sessions, StoredSession, To,
};
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
    journal: Option<Journal>,
}

#[derive(Default)]
struct State {
    down: bool,
    namespaces: HashMap<Box<str>, HashMap<Box<str>, Subscription>>,
}

struct Subscription {
    inbox: Inbox,
    queue: mpsc::Sender<Sent>,
    /// Brings what is in the queue.
    bring: JoinHandle<()>,
}

/// A message as bytes.
#[derive(Clone)]
pub(super) struct Sent {
    json: Bytes,
    attachments: Vec<Bytes>,
    pub(super) offset: Option<Offset>,
    pub(super) past: bool,
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

    /// Creates a bus without nodes that keeps the latest 10 000 messages, and the sessions of clients that are away, as
    /// Redis streams do: with [`history`](crate::Home::history) clients come back to any node.
    pub fn journaled() -> Self {
        Self(Arc::new(Inner { journal: Some(Journal::default()), ..Inner::default() }))
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
        if let (Some(journal), Some(age)) = (&self.0.journal, inbox.history()) {
            let (begin, past) = journal.since(namespace, age);
            inbox.begin(begin);
            past.into_iter().for_each(|sent| brought(sent, &inbox));
        }
        let bring = tokio::spawn(bring(sent, inbox.clone()));
        let nodes = state.namespaces.entry(namespace.into()).or_default();
        nodes.insert(node.into(), Subscription { inbox, queue, bring });
        Ok(())
    }

    fn send(&self, posting: &Posting<'_>) -> Result<Option<Offset>, BusError> {
        let message = posting.message;
        let (json, attachments) = (message.to_json().into(), message.attachments.clone());
        let mut sent = Sent { json, attachments, offset: None, past: false };
        let namespace = message.namespace.as_deref().unwrap_or_default();
        let mut slow = Vec::new();
        {
            let mut state = self.state();
            if state.down {
                return Err(outage());
            }
            if let Some(journal) = &self.0.journal
                && !message.is_request()
                && !message.kind.is_answer()
            {
                sent.offset = Some(journal.keep(namespace, &sent));
            }
            let Some(nodes) = state.namespaces.get_mut(namespace) else { return Ok(sent.offset) };
            posting.reached(nodes.len());
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
        Ok(sent.offset)
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
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async move { self.send(&Posting::new(message, to)) })
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        Box::pin(async move { postings.iter().map(|posting| self.send(posting)).collect() })
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        let mut state = self.state();
        let mut ended = None;
        if let Some(nodes) = state.namespaces.get_mut(namespace) {
            ended = nodes.remove(node);
            if nodes.is_empty() {
                state.namespaces.remove(namespace);
            }
        }
        drop(state);
        Box::pin(async move {
            if let Some(Subscription { queue, bring, .. }) = ended {
                drop(queue);
                let _ = bring.await;
            }
        })
    }

    fn membership(&self) -> Membership {
        self.0.membership
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.journal.is_some().then_some(self)
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

impl Sessions for LocalBus {
    fn save<'a>(
        &'a self,
        session: &'a StoredSession,
        window: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        let is_down = self.state().down;
        let saved = match &self.0.journal {
            Some(journal) if !is_down => {
                journal.save(session.clone(), window);
                Ok(())
            }
            _ => Err(outage()),
        };
        Box::pin(ready(saved))
    }

    fn take<'a>(&'a self, pid: &'a str) -> BoxFuture<'a, Result<Option<StoredSession>, BusError>> {
        let is_down = self.state().down;
        let taken = match &self.0.journal {
            Some(journal) if !is_down => Ok(journal.take(pid)),
            _ => Err(outage()),
        };
        Box::pin(ready(taken))
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
    while let Some(sent) = sent.recv().await {
        brought(sent, &inbox);
    }
}

fn brought(Sent { json, attachments, offset, past }: Sent, inbox: &Inbox) {
    match Message::from_json(&json, attachments).map(|message| Incoming::new(message, offset)) {
        Ok(incoming) if past => inbox.message(incoming.past()),
        Ok(incoming) => inbox.message(incoming),
        Err(error) => {
            tracing::debug!(target: "socketio::adapter", %error, "no message");
            inbox.malformed();
        }
    }
}

fn outage() -> BusError {
    BusError::down("there is an outage")
}

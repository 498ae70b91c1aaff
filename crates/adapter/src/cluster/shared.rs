use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Cluster;
use super::keeper::keep;
use super::left::{Left, Number};
use super::nodes::{Node, Nodes};
use super::outage::{Health, Vitals};
use super::outbox::{Address, Letter, Line, Outbox, Posted, Waiter, publish};
use super::pending::Way;
use super::questions::Questions;
use super::request::{Asker, Request};
use super::requests::Requests;
use super::setup::{LONGEST, Options};
use super::subscription::Subscription;
use super::turns::Turns;
use crate::{AdapterError, BusError, Home, LocalAdapter, Membership, Message, MessageKind, Offset};

/// How often nodes are counted for one request, while others leave.
const COUNTS: u32 = 3;

/// What an adapter and its tasks share; the tasks hold it weakly.
pub(super) struct Shared {
    pub(super) me: Weak<Self>,
    pub(super) line: Arc<Line>,
    pub(super) local: LocalAdapter,
    pub(super) runtime: Handle,
    pub(super) options: Options,
    pub(super) vitals: Arc<Vitals>,
    pub(super) health: Health,
    pub(super) membership: Membership,
    pub(super) home: OnceLock<Arc<dyn Home>>,
    pub(super) outbox: Outbox,
    pub(super) subscription: Subscription,
    pub(super) nodes: Nodes,
    pub(super) requests: Requests,
    pub(super) questions: Questions,
    pub(super) turns: Turns,
    /// Whether all other nodes have had the time to say that they are there.
    pub(super) settled: watch::Sender<bool>,
    /// When they will have had it.
    pub(super) settles: Mutex<Option<Instant>>,
    /// When this node last told all others that it is there.
    pub(super) told: Mutex<Instant>,
    /// Tells the keeper that there is something new to wait for.
    pub(super) wake: Arc<Notify>,
    /// Whether the keeper looks for requests and questions whose time is up, as there are some.
    pub(super) sweeping: AtomicBool,
    twin: AtomicBool,
    pub(super) leaving: AtomicBool,
    pub(super) publisher: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(super) fn new(cluster: &Cluster, namespace: &str) -> Arc<Self> {
        let line = Arc::new(Line::new(cluster.bus.clone(), namespace, new_id()));
        let told_of_rooms = line.clone();
        let local = LocalAdapter::watched(move |room, opened| {
            let Line { bus, namespace, node, .. } = &*told_of_rooms;
            let room = room.wire_name();
            if opened {
                bus.room_opened(namespace, node, &room)
            } else {
                bus.room_closed(namespace, node, &room)
            }
        });
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            line,
            local,
            runtime: cluster.runtime.clone(),
            options: cluster.options,
            vitals: cluster.vitals.clone(),
            health: Health::new(cluster.vitals.clone()),
            membership: cluster.bus.membership(),
            home: OnceLock::new(),
            outbox: Outbox::default(),
            subscription: Subscription::default(),
            nodes: Nodes::default(),
            requests: Requests::default(),
            questions: Questions::default(),
            turns: Turns::default(),
            settled: watch::Sender::new(cluster.bus.membership() != Membership::Heartbeat),
            settles: Mutex::default(),
            told: Mutex::new(Instant::now()),
            wake: Arc::default(),
            sweeping: AtomicBool::new(false),
            twin: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            publisher: Mutex::default(),
        })
    }

    /// Begins to talk to other nodes.
    pub(super) fn open(&self, home: Arc<dyn Home>) {
        if self.home.set(home).is_err() {
            return;
        }
        if self.history().is_some() {
            self.turns.turn_on();
        }
        let publisher =
            publish(self.outbox.open(), self.line.clone(), self.options.request_timeout, self.me.clone());
        let publisher = self.runtime.spawn(publisher);
        *self.publisher.lock().unwrap_or_else(PoisonError::into_inner) = Some(publisher);
        self.runtime.spawn(keep(self.me.clone(), self.wake.clone()));
        self.subscribe();
    }

    /// How broadcasts reach the sockets of this node, once it is open.
    pub(super) fn way(&self) -> Option<Way<'_>> {
        self.home.get().map(|home| Way { home, local: &self.local })
    }

    /// How far back messages are wanted, of a bus that keeps them.
    pub(super) fn history(&self) -> Option<Duration> {
        self.line.bus.sessions()?;
        self.home.get()?.history()
    }

    /// Queues a message; `false` if it goes nowhere.
    pub(super) fn publish(
        &self,
        kind: MessageKind,
        data: Bytes,
        attachments: Vec<Bytes>,
        to: Address,
        waiter: Waiter,
    ) -> bool {
        let posted = self.post(self.letter(kind, data, attachments, to, waiter));
        self.posted(posted)
    }

    /// Queues a message, and tells nobody what became of it.
    pub(super) fn post(&self, letter: Letter) -> Posted {
        let to_all = matches!(letter.to, Address::All);
        let posted = self.outbox.post(letter, &self.line, self.options.publish_budget);
        if posted == Posted::Queued && to_all {
            *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        posted
    }

    /// Tells what became of a message; `false` if it goes nowhere.
    pub(super) fn posted(&self, posted: Posted) -> bool {
        match posted {
            Posted::Queued => true,
            Posted::Full => {
                self.vitals.unpublished();
                if self.health.full() {
                    let namespace = &*self.line.namespace;
                    tracing::warn!(
                        target: "socketio::adapter", namespace,
                        "`publish_budget` is spent: other nodes miss messages"
                    );
                }
                false
            }
            Posted::Closed => false,
        }
    }

    /// Queues an answer.
    pub(super) fn reply(&self, kind: MessageKind, to: &Node, data: Bytes, attachments: Vec<Bytes>) {
        self.publish(kind, data, attachments, Address::Node(to.clone()), Waiter::Nobody);
    }

    /// A message was published, or could not be.
    pub(super) fn published(&self, letter: &Letter, result: Result<Option<Offset>, BusError>) {
        let is_first = self.health.publishing(result.as_ref().err());
        let error = match result {
            Ok(_) => {
                if let Waiter::Request(request, reached) = &letter.waiter {
                    // Not before: a node that has left by then has not heard of it.
                    self.count_for(request, reached.load(Ordering::Relaxed));
                }
                return;
            }
            Err(error) => error,
        };
        self.vitals.unpublished();
        // All are counted.
        if let BusError::Refused(reason) = &error
            && is_first
        {
            let kind = letter.message.kind;
            tracing::warn!(target: "socketio::adapter", ?kind, size = letter.message.size(), reason, "{error}");
        }
        match &letter.waiter {
            Waiter::Nobody => {}
            Waiter::Request(request, _) => self.requests.give_up(request, |_| unreachable(error)),
            Waiter::Turn(ticket) if matches!(error, BusError::Refused(_)) => {
                self.turns.refused(*ticket, self.way());
            }
            Waiter::Turn(_) => self.turns.give_up(self.way()),
        }
    }

    /// Says that this node is there, now that it hears who else is.
    pub(super) fn say_hello(&self) {
        if self.membership != Membership::Heartbeat {
            return;
        }
        self.publish(MessageKind::InitialHeartbeat, Bytes::new(), Vec::new(), Address::All, Waiter::Nobody);
        let settles = Instant::now() + self.options.settle_time;
        *self.settles.lock().unwrap_or_else(PoisonError::into_inner) = Some(settles);
        self.settled.send_replace(self.options.settle_time.is_zero());
        self.settle(Instant::now());
        self.wake.notify_one();
    }

    /// Takes the nodes that are known for all there are, when it is time; returns when it will be.
    pub(super) fn settle(&self, now: Instant) -> Option<Instant> {
        let mut settles = self.settles.lock().unwrap_or_else(PoisonError::into_inner);
        if settles.is_some_and(|settles| settles > now) {
            return *settles;
        }
        if settles.take().is_some() {
            drop(settles);
            self.settled.send_replace(true);
            self.requests.settle();
        }
        None
    }

    /// Begins a request and tells its asker; returns its id, and whether there is somebody to wait for.
    pub(super) fn request(&self, asker: Asker, within: Duration) -> (Arc<str>, bool) {
        let id = new_id();
        let known = self.nodes.all();
        let left = match self.membership {
            Membership::Heartbeat => Left::Nodes { nodes: known.clone(), settled: *self.settled.borrow() },
            Membership::Counted => Left::Counted { expected: None, heard: Default::default(), lost: false },
        };
        let request = Arc::new(Request::new(asker, left, Instant::now() + within.min(LONGEST)));
        request.begin();
        if self.health.is_unsubscribed() {
            request.give_up(|_| unreachable(BusError::down("the namespace is not subscribed to")));
            return (id, false);
        }
        if request.is_done() {
            return (id, false);
        }
        if !self.requests.insert(id.clone(), request.clone()) {
            request.give_up(|_| AdapterError::Unreachable("too many requests are open".into()));
            return (id, false);
        }
        self.sweep_soon();
        // What happened before the request could be found.
        let now_known = self.nodes.all();
        now_known.difference(&known).for_each(|node| self.requests.tell(&id, |request| request.node(node)));
        known.difference(&now_known).for_each(|node| self.requests.tell(&id, |request| request.gone(node)));
        if self.membership == Membership::Heartbeat && *self.settled.borrow() {
            self.requests.tell(&id, |request| request.settle(None));
        }
        (id, true)
    }

    /// Has the nodes counted from which there is an answer to come, where nobody says that it is there, unless the bus has
    /// said how many it has `reached`.
    fn count_for(&self, request: &Arc<str>, reached: usize) {
        if self.membership != Membership::Counted {
            return;
        }
        if let Some(others) = reached.checked_sub(1) {
            return self.requests.tell(request, |request| request.settle(Some(Number::Reached(others))));
        }
        let (line, within) = (self.line.clone(), self.options.request_timeout);
        self.runtime.spawn(count(self.me.clone(), line, request.clone(), within));
    }

    /// Publishes the message of a request, or gives that up.
    pub(super) fn ask(&self, id: &Arc<str>, kind: MessageKind, data: Bytes, attachments: Vec<Bytes>) {
        let waiter = Waiter::Request(id.clone(), AtomicUsize::new(0));
        if !self.publish(kind, data, attachments, Address::All, waiter) {
            self.requests.give_up(id, |_| AdapterError::Unreachable("the message was not taken".into()));
        }
    }

    /// A node is gone.
    pub(super) fn gone(&self, node: &Node) {
        self.nodes.remove(node);
        self.requests.gone(node);
        self.forget(self.questions.gone(node));
    }

    /// Lets the keeper know of the first request or question.
    pub(super) fn sweep_soon(&self) {
        if !self.sweeping.load(Ordering::Acquire) {
            self.wake.notify_one();
        }
    }

    /// Tells the namespace that nobody waits for these acknowledgements.
    pub(super) fn forget(&self, acks: Vec<u64>) {
        if let Some(home) = self.home.get() {
            acks.into_iter().for_each(|ack| home.forget(ack));
        }
    }

    /// One of our own messages came back.
    pub(super) fn echo(&self) {
        if self.line.echo() && !self.twin.swap(true, Ordering::Relaxed) {
            let (namespace, node) = (&*self.line.namespace, &*self.line.node);
            tracing::error!(
                target: "socketio::adapter", namespace, node,
                "another node has the id of this one, or the bus brings messages twice"
            );
        }
    }

    pub(super) fn letter(
        &self,
        kind: MessageKind,
        data: Bytes,
        attachments: Vec<Bytes>,
        to: Address,
        waiter: Waiter,
    ) -> Letter {
        let namespace = Some(self.line.namespace.clone());
        let message = Message::new(kind, namespace, self.line.node.clone(), data, attachments);
        Letter { message, to, waiter }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterAdapter")
            .field("namespace", &self.line.namespace)
            .field("node", &self.line.node)
            .field("local", &self.local)
            .field("nodes", &self.nodes.len())
            .field("requests", &self.requests.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn unreachable(error: BusError) -> AdapterError {
    AdapterError::Unreachable(Box::new(error))
}

/// Counts the nodes for a request; again, if one took its leave meanwhile, which may be among them or not.
async fn count(shared: Weak<Shared>, line: Arc<Line>, id: Arc<str>, within: Duration) {
    for attempt in 1.. {
        let counted = line.count(within).await;
        let Some(shared) = shared.upgrade() else { return };
        match counted {
            Ok(_) if attempt < COUNTS && shared.requests.has_lost(&id) => {}
            Ok(nodes) => {
                return shared.requests.tell(&id, |request| request.settle(Some(Number::Counted(nodes - 1))));
            }
            Err(error) => return shared.requests.give_up(&id, |_| unreachable(error)),
        }
    }
}

/// The id of a node or a request: 8 random bytes in hexadecimal digits.
fn new_id() -> Arc<str> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the operating system has random numbers");
    format!("{:016x}", u64::from_be_bytes(random)).into()
}

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::nodes::Node;
use super::shared::Shared;
use crate::{Bus, BusError, Message, MessageKind, Posting, Target, To};

/// What the tasks of a namespace share with its adapter, and need when that is gone.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) namespace: Arc<str>,
    pub(super) node: Node,
    /// Whether it was tried to subscribe: what is published before that nobody can answer.
    pub(super) tried: watch::Sender<bool>,
    /// Subscribing and the end of the subscription do not overlap.
    pub(super) gate: tokio::sync::Mutex<()>,
    /// The bytes that wait to be published.
    waiting: AtomicUsize,
    /// Whether a heartbeat is among them; one is enough.
    beating: AtomicBool,
    /// How many of our messages may still come back to us.
    echoes: AtomicI64,
}

/// What waits to be published, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    letters: Mutex<Option<mpsc::UnboundedSender<Letter>>>,
}

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) message: Message,
    pub(super) to: Address,
    pub(super) waiter: Waiter,
}

/// Whom it concerns if a message is not taken.
#[derive(Debug)]
pub(super) enum Waiter {
    Nobody,
    /// The request that the message carries, which fails with it, and how many nodes have got it, if the bus says so.
    Request(Arc<str>, AtomicUsize),
    /// The broadcast that is delivered here when it has its place.
    Turn(u64),
}

#[derive(Debug)]
pub(super) enum Address {
    All,
    Room(String),
    Node(Node),
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    Queued,
    /// Too much waits.
    Full,
    /// The adapter is not open.
    Closed,
}

/// So many letters are published at once.
const BATCH: usize = 128;

/// What a message takes beside its data.
const OVERHEAD: usize = 128;

impl Line {
    pub(super) fn new(bus: Arc<dyn Bus>, namespace: &str, node: Node) -> Self {
        Self {
            bus,
            namespace: namespace.into(),
            node,
            tried: watch::Sender::new(false),
            gate: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
            beating: AtomicBool::new(false),
            echoes: AtomicI64::new(0),
        }
    }

    /// Counts the nodes, this one included, where the bus does that.
    pub(super) async fn count(&self, within: Duration) -> Result<usize, BusError> {
        self.tried(within).await;
        let counted = timeout(within, self.bus.count(&self.namespace)).await;
        counted.unwrap_or_else(|_| Err(too_late())).map(|nodes| nodes.max(1))
    }

    /// Waits until it was tried to subscribe.
    pub(super) async fn tried(&self, within: Duration) {
        let _ = timeout(within, self.tried.subscribe().wait_for(|tried| *tried)).await;
    }

    /// Ends the subscription, if there is one.
    pub(super) async fn unsubscribe(&self, within: Duration) {
        let _gate = self.gate.lock().await;
        let _ = timeout(within, self.bus.close(&self.namespace, &self.node)).await;
    }

    /// One of our messages came back; returns whether somebody else must have sent it.
    pub(super) fn echo(&self) -> bool {
        self.echoes.fetch_sub(1, Ordering::Relaxed) <= 0
    }
}

impl Outbox {
    /// Opens the outbox, if it has not been opened before.
    pub(super) fn open(&self) -> mpsc::UnboundedReceiver<Letter> {
        let (sender, letters) = mpsc::unbounded_channel();
        *self.lock() = Some(sender);
        letters
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes nothing more but this last letter; `false` if that has happened before.
    pub(super) fn close(&self, last: Letter, line: &Line) -> bool {
        let Some(letters) = self.lock().take() else { return false };
        line.waiting.fetch_add(last.size(), Ordering::AcqRel);
        letters.send(last).is_ok()
    }

    /// Posts a letter, unless more than the budget would wait.
    pub(super) fn post(&self, letter: Letter, line: &Line, budget: usize) -> Posted {
        let letters = self.lock();
        let Some(letters) = &*letters else { return Posted::Closed };
        if letter.message.kind == MessageKind::Heartbeat && line.beating.swap(true, Ordering::AcqRel) {
            return Posted::Queued;
        }
        let size = letter.size();
        let waiting = line.waiting.load(Ordering::Acquire);
        if waiting > 0 && waiting.saturating_add(size) > budget && !letter.is_pulse() {
            return Posted::Full;
        }
        line.waiting.fetch_add(size, Ordering::AcqRel);
        match letters.send(letter) {
            Ok(()) => Posted::Queued,
            Err(_) => Posted::Closed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<Letter>>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Letter {
    fn size(&self) -> usize {
        self.message.size() + OVERHEAD
    }

    fn posting(&self) -> Posting<'_> {
        let posting = Posting::new(&self.message, self.to.as_to());
        match &self.waiter {
            Waiter::Request(_, reached) => posting.counting(reached),
            Waiter::Nobody | Waiter::Turn(_) => posting,
        }
    }

    /// Whether this says that the node is there: there are few of them, and others depend on them.
    fn is_pulse(&self) -> bool {
        matches!(self.message.kind, MessageKind::InitialHeartbeat | MessageKind::Heartbeat)
    }
}

impl Address {
    /// Where a broadcast goes that asks nothing.
    pub(super) fn of(to: &Target) -> Self {
        match &to.rooms[..] {
            [room] => Self::Room(room.wire_name().into_owned()),
            _ => Self::All,
        }
    }

    pub(super) fn as_to(&self) -> To<'_> {
        match self {
            Self::All => To::All,
            Self::Room(room) => To::Room(room),
            Self::Node(node) => To::Node(node),
        }
    }
}

/// Publishes letters in order, as many at a time as wait, until the outbox is closed and empty; then the subscription ends.
///
/// From then on all of it takes at most `within`, for a message under way, for the rest, and for the subscription.
pub(super) async fn publish(
    mut letters: mpsc::UnboundedReceiver<Letter>,
    line: Arc<Line>,
    within: Duration,
    shared: Weak<Shared>,
) {
    line.tried(within).await;
    let (mut batch, mut last) = (Vec::new(), None);
    while letters.recv_many(&mut batch, BATCH).await > 0 {
        if batch.iter().any(|letter| letter.message.kind == MessageKind::Heartbeat) {
            line.beating.store(false, Ordering::Release);
        }
        let mut patience = within;
        if letters.is_closed() {
            let last: &mut Instant = last.get_or_insert_with(|| Instant::now() + within);
            patience = last.duration_since(Instant::now());
        }
        line.echoes.fetch_add(i64::try_from(batch.len()).unwrap_or(i64::MAX), Ordering::Relaxed);
        let postings: Vec<_> = batch.iter().map(Letter::posting).collect();
        let published = timeout(patience, line.bus.publish_all(&postings)).await;
        let mut published = published.unwrap_or_default().into_iter();
        for letter in batch.drain(..) {
            line.waiting.fetch_sub(letter.size(), Ordering::AcqRel);
            let published = published.next().unwrap_or_else(|| Err(too_late()));
            if let Some(shared) = shared.upgrade() {
                shared.published(&letter, published);
            }
        }
    }
    if let Some(shared) = shared.upgrade() {
        shared.health.retire();
    }
    line.unsubscribe(within).await;
}

pub(super) fn too_late() -> BusError {
    BusError::down("no answer in time")
}

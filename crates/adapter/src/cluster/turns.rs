use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::{Adapter, Home, LocalAdapter, Member, Message, Offset, Target};

/// So long a broadcast waits for its offset; then it is delivered without one.
const PATIENCE: Duration = Duration::from_secs(1);

/// What this node broadcasts and has not delivered to its own sockets yet, as it waits for its place among what all nodes
/// broadcast: for its message to come back.
///
/// Only where a carrier keeps messages and clients come back to where they were in them. Everything is delivered once and
/// in the order of the queue, by whichever thread finds that it is time; while one is at it, others leave it to that one.
#[derive(Default)]
pub(super) struct Turns {
    on: AtomicBool,
    queue: Mutex<Queue>,
    /// Held by whoever delivers.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// The carrier is slow or out of reach: nothing waits for it until something comes back.
    late: bool,
    /// Somebody looks after what waits for too long.
    watched: bool,
    next: u64,
}

struct Item {
    ticket: u64,
    since: Instant,
    state: State,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Ready(Option<Offset>),
}

enum What {
    Broadcast(Box<Pending>),
    Then(Box<dyn FnOnce() + Send>),
}

/// How broadcasts reach the sockets of this node.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) home: &'a Arc<dyn Home>,
    pub(super) local: &'a LocalAdapter,
}

/// A broadcast of this node.
pub(super) struct Pending {
    /// The data of its message.
    pub(super) data: Bytes,
    pub(super) args: Bytes,
    pub(super) attachments: Vec<Bytes>,
    pub(super) to: Target,
    /// Who was meant on this node when it was broadcast; `None` if this node was not.
    pub(super) members: Option<Vec<Arc<dyn Member>>>,
}

impl Turns {
    pub(super) fn turn_on(&self) {
        self.on.store(true, Ordering::Release);
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// Queues a broadcast, which `post` publishes under its number; without waiting if that fails, or if `at_once`.
    /// Returns whether there is something new to look after.
    pub(super) fn wait(&self, pending: Pending, at_once: bool, post: impl FnOnce(u64) -> bool) -> bool {
        // The lock is held until it is posted: what comes back is in the order of this queue.
        let mut queue = self.queue();
        let ticket = queue.next;
        let waits = post(ticket) && !at_once && !queue.late;
        let state = if waits { State::Waits } else { State::Ready(None) };
        queue.push(state, What::Broadcast(Box::new(pending)));
        let is_new = waits && !queue.watched;
        queue.watched |= waits;
        is_new
    }

    /// Does something behind all that waits.
    pub(super) fn then(&self, then: Box<dyn FnOnce() + Send>, way: Option<Way<'_>>) {
        if !self.is_on() {
            return then();
        }
        self.queue().push(State::Ready(None), What::Then(then));
        self.deliver(way);
    }

    /// A broadcast of this node has come back with its place. Returns it if it was not waited for, as it was delivered
    /// before.
    pub(super) fn back(&self, message: Message, offset: Offset, way: Way<'_>) -> Option<Message> {
        {
            let mut queue = self.queue();
            queue.late = false;
            let Some(at) = queue.items.iter().position(|item| item.is(&message)) else {
                return Some(message);
            };
            // Those before it that have not come back never will.
            queue.items.range_mut(..at).for_each(|item| item.state = State::Ready(None));
            queue.items[at].state = State::Ready(Some(offset));
        }
        // Before anything else that comes.
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.deliver_all(way, turn);
        None
    }

    /// A broadcast was not taken by the carrier.
    pub(super) fn refused(&self, ticket: u64, way: Option<Way<'_>>) {
        if let Some(item) = self.queue().items.iter_mut().find(|item| item.ticket == ticket) {
            item.state = State::Ready(None);
        }
        self.deliver(way);
    }

    /// The carrier is out of reach: nothing waits any longer.
    pub(super) fn give_up(&self, way: Option<Way<'_>>) {
        if !self.is_on() {
            return;
        }
        {
            let mut queue = self.queue();
            queue.late = true;
            queue.items.iter_mut().filter(|item| item.state == State::Waits).for_each(|item| {
                item.state = State::Ready(None);
            });
        }
        self.deliver(way);
    }

    /// Looks after what waits for too long; says when to look again.
    pub(super) fn tick(&self, now: Instant, way: Option<Way<'_>>) -> Option<Instant> {
        let due = {
            let mut queue = self.queue();
            let due = queue.items.front().map(|item| item.since + PATIENCE);
            queue.watched = due.is_some();
            due?
        };
        if due > now {
            return Some(due);
        }
        self.give_up(way);
        self.tick(now, way)
    }

    /// Delivers what is ready, unless another thread is at it, or this one further up: they will find it.
    pub(super) fn deliver(&self, way: Option<Way<'_>>) {
        let Some(way) = way else { return };
        while self.queue().is_ready() {
            let Ok(turn) = self.turn.try_lock() else { return };
            self.deliver_all(way, turn);
        }
    }

    fn deliver_all(&self, way: Way<'_>, turn: MutexGuard<'_, ()>) {
        loop {
            let ready = {
                let mut queue = self.queue();
                if queue.is_ready() { queue.items.pop_front() } else { None }
            };
            match ready.map(|item| (item.what, item.state)) {
                Some((What::Broadcast(pending), State::Ready(offset))) => pending.deliver(way, offset),
                Some((What::Then(then), _)) => then(),
                _ => break,
            }
        }
        drop(turn);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, state: State, what: What) {
        let ticket = self.next;
        self.next += 1;
        self.items.push_back(Item { ticket, since: Instant::now(), state, what });
    }

    fn is_ready(&self) -> bool {
        self.items.front().is_some_and(|item| item.state != State::Waits)
    }
}

impl Item {
    /// Whether this is what came back.
    fn is(&self, message: &Message) -> bool {
        let What::Broadcast(pending) = &self.what else { return false };
        self.state == State::Waits
            && pending.attachments == message.attachments
            && (pending.data == message.data
                // Binary data may have gone by another encoding, in which numbers have other forms.
                || !pending.attachments.is_empty() && is_same(&pending.data, &message.data))
    }
}

impl Pending {
    /// Delivers it to those who were meant when it was broadcast, and to those who have come since: they may have been at
    /// another node, and take it for what they would get here.
    fn deliver(self, way: Way<'_>, offset: Option<Offset>) {
        let Self { args, attachments, to, members, .. } = self;
        let Some(before) = members else { return };
        way.home.broadcast(args, attachments, &to, offset, &mut |packet| {
            let now = way.local.members(&to);
            let is_same = now.len() == before.len()
                && now.iter().zip(&before).all(|(now, before)| Arc::ptr_eq(now, before));
            let is_there: HashSet<_> =
                if is_same { HashSet::new() } else { now.iter().map(address).collect() };
            let gone = before.iter().filter(|member| !is_same && !is_there.contains(&address(member)));
            for member in now.iter().chain(gone) {
                member.deliver(packet, to.flags);
            }
        });
    }
}

fn address(member: &Arc<dyn Member>) -> *const () {
    Arc::as_ptr(member).cast()
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    let read = |json| serde_json::from_slice::<Value>(json).ok();
    read(one).zip(read(other)).is_some_and(|(one, other)| equal(&one, &other))
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(key, one): (&String, &Value)| other.get(key).is_some_and(|other| equal(one, other));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue();
        f.debug_struct("Turns")
            .field("on", &self.is_on())
            .field("waiting", &queue.items.len())
            .field("late", &queue.late)
            .finish()
    }
}

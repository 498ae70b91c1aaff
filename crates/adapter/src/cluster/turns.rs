use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::time::Instant;

use super::pending::{Pending, Way};
use super::strays::Strays;
use crate::Offset;

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
    /// Somebody delivers what stood here.
    busy: bool,
    /// The carrier is slow or out of reach: nothing waits for it until something comes back, or it is subscribed to again.
    late: bool,
    /// Somebody looks after what waits for too long.
    watched: bool,
    next: u64,
    /// What was delivered without its place and may still come back.
    strays: Strays,
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

impl Turns {
    pub(super) fn turn_on(&self) {
        self.on.store(true, Ordering::Release);
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// Whether something waits, or is just being delivered.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_on() && {
            let queue = self.queue();
            queue.busy || !queue.items.is_empty()
        }
    }

    /// Queues a broadcast, which `post` publishes with its number; without waiting if that fails, or if `at_once`.
    /// Returns whether there is something new to look after.
    pub(super) fn wait(&self, pending: Pending, at_once: bool, post: impl FnOnce(u64) -> bool) -> bool {
        // The lock is held until it is posted: what comes back is in the order of this queue.
        let mut queue = self.queue();
        let ticket = queue.next;
        let is_posted = post(ticket);
        let waits = is_posted && !at_once && !queue.late;
        let state = if waits { State::Waits } else { State::Ready(None) };
        if is_posted && !waits {
            queue.strays.add(ticket);
        }
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

    /// A broadcast of this node has come back with its place.
    ///
    /// # Errors
    ///
    /// If it was not waited for, as it was delivered before: who had come last by that time, if that is known.
    pub(super) fn back(&self, ticket: Option<u64>, offset: Offset, way: Way<'_>) -> Result<(), Option<u32>> {
        // Before anything else that comes.
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let found = {
            let mut queue = self.queue();
            queue.late = false;
            ticket.ok_or(None).and_then(|ticket| queue.find(ticket)).map(|at| {
                // Those before it that have not come back are late at best.
                queue.give_up(at);
                queue.items[at].state = State::Ready(Some(offset));
            })
        };
        self.deliver_all(way, turn);
        // Something may have come between the last look and the end of the turn.
        self.deliver(Some(way));
        found
    }

    /// A broadcast was not taken by the carrier.
    pub(super) fn refused(&self, ticket: u64, way: Option<Way<'_>>) {
        {
            let mut queue = self.queue();
            queue.strays.forget(ticket);
            if let Some(item) = queue.item(ticket) {
                item.state = State::Ready(None);
            }
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
            let all = queue.items.len();
            queue.give_up(all);
        }
        self.deliver(way);
    }

    /// The carrier is within reach again: broadcasts wait for their places as before.
    pub(super) fn resume(&self) {
        self.queue().late = false;
    }

    /// Looks after what waits for too long; says when to look again.
    pub(super) fn tick(&self, now: Instant, way: Option<Way<'_>>) -> Option<Instant> {
        let due = self.due()?;
        if due > now {
            return Some(due);
        }
        self.give_up(way);
        self.due()
    }

    /// When the first that waits will have waited for too long. What is ready is in somebody's hands.
    fn due(&self) -> Option<Instant> {
        let mut queue = self.queue();
        let due = queue.items.iter().find(|item| item.state == State::Waits);
        let due = due.map(|item| item.since + PATIENCE);
        queue.watched = due.is_some();
        due
    }

    /// Delivers what is ready, unless another thread is at it, or this one further up: they will find it.
    pub(super) fn deliver(&self, way: Option<Way<'_>>) {
        let Some(way) = way else { return };
        while self.queue().is_ready() {
            let turn = match self.turn.try_lock() {
                Ok(turn) => turn,
                Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.deliver_all(way, turn);
        }
    }

    fn deliver_all(&self, way: Way<'_>, turn: MutexGuard<'_, ()>) {
        loop {
            let ready = {
                let mut queue = self.queue();
                queue.busy = queue.is_ready();
                if queue.busy { queue.items.pop_front() } else { None }
            };
            let Some(Item { ticket, what, state: State::Ready(offset), .. }) = ready else { break };
            // Whoever delivers has nothing to do with what others have queued.
            let done = catch_unwind(AssertUnwindSafe(|| match what {
                What::Broadcast(pending) => {
                    let latest = pending.deliver(way, offset);
                    if offset.is_none() {
                        self.queue().strays.delivered(ticket, latest);
                    }
                }
                What::Then(then) => then(),
            }));
            if done.is_err() {
                tracing::error!(target: "socketio::adapter", "what waited for its turn panicked");
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

    fn item(&mut self, ticket: u64) -> Option<&mut Item> {
        let at = self.items.binary_search_by_key(&ticket, |item| item.ticket).ok()?;
        self.items.get_mut(at)
    }

    /// Where the one stands that has come back, or else who had come last when it was delivered, if that is known.
    fn find(&mut self, ticket: u64) -> Result<usize, Option<u32>> {
        let latest = self.strays.forget(ticket);
        // One that was given up may not have been delivered yet.
        let at = self.items.binary_search_by_key(&ticket, |item| item.ticket);
        at.ok().filter(|at| !matches!(self.items[*at].state, State::Ready(Some(_)))).ok_or(latest)
    }

    /// The first ones, so many, are delivered without waiting for their places any longer.
    fn give_up(&mut self, number: usize) {
        let Self { items, strays, .. } = self;
        for item in items.range_mut(..number).filter(|item| item.state == State::Waits) {
            item.state = State::Ready(None);
            strays.add(item.ticket);
        }
    }

    fn is_ready(&self) -> bool {
        self.items.front().is_some_and(|item| item.state != State::Waits)
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

#[cfg(test)]
mod tests;

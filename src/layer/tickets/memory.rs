use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Ticket, TicketError, TicketStore, digest};
use crate::hub::FOR_EVER;

/// How many expired tickets one call throws away at most.
const PURGED: usize = 256;
/// How many records of consumed tickets are kept at most.
const RECORDS: usize = 10_000;

/// Tickets in the memory of this process, of which only the digests are kept.
///
/// Expired ones are never valid, and are thrown away as tickets are made and consumed.
pub struct MemoryTickets<P> {
    inner: Mutex<Inner<P>>,
    keep_consumed: bool,
    max_tickets: usize,
}

/// A ticket that was used, as an audit wants to know it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsumedTicket<P> {
    /// Whom it was made for.
    pub payload: P,
    /// When it was used.
    pub at: SystemTime,
}

struct Inner<P> {
    tickets: HashMap<[u8; 32], Entry<P>>,
    /// Every ticket by the time of its end, consumed ones too.
    ends: BinaryHeap<Reverse<(Instant, [u8; 32])>>,
    consumed: VecDeque<ConsumedTicket<P>>,
}

struct Entry<P> {
    payload: P,
    end: Instant,
}

impl<P> MemoryTickets<P> {
    /// No tickets.
    pub fn new() -> Self {
        let inner = Inner { tickets: HashMap::new(), ends: BinaryHeap::new(), consumed: VecDeque::new() };
        Self { inner: Mutex::new(inner), keep_consumed: false, max_tickets: 1_000_000 }
    }

    /// The most tickets that are in memory at a time (default: 1 000 000); beyond it no more are made, which is a failure
    /// of the store.
    pub fn max_tickets(mut self, number: usize) -> Self {
        self.max_tickets = number;
        self
    }

    /// Whether the payloads of consumed tickets are kept, the last 10 000 of them (default: no).
    pub fn keep_consumed(mut self, on: bool) -> Self {
        self.keep_consumed = on;
        self
    }

    /// How many tickets are in memory, expired ones that were not thrown away yet included.
    pub fn len(&self) -> usize {
        self.lock().tickets.len()
    }

    /// Whether there is no ticket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records of consumed tickets are kept.
    pub fn consumed_len(&self) -> usize {
        self.lock().consumed.len()
    }

    /// The records of consumed tickets, if [`keep_consumed`](Self::keep_consumed) says so, the oldest first.
    pub fn consumed(&self) -> Vec<ConsumedTicket<P>>
    where
        P: Clone,
    {
        self.lock().consumed.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Clone + Send + 'static> TicketStore<P> for MemoryTickets<P> {
    async fn create(&self, payload: P, ttl: Duration) -> Result<Ticket, TicketError> {
        let ticket = Ticket::random()?;
        let digest = digest(ticket.as_str());
        let mut inner = self.lock();
        let now = Instant::now();
        let expired = inner.purge(now);
        if inner.tickets.len() >= self.max_tickets {
            return Err(TicketError::Store(
                std::io::Error::other("`max_tickets` tickets are in memory").into(),
            ));
        }
        let end = now + ttl.min(FOR_EVER);
        inner.ends.push(Reverse((end, digest)));
        inner.tickets.insert(digest, Entry { payload, end });
        drop(inner);
        drop(expired);
        Ok(ticket)
    }

    async fn consume(&self, token: &str) -> Result<P, TicketError> {
        let digest = digest(token);
        let mut inner = self.lock();
        let now = Instant::now();
        let expired = inner.purge(now);
        let entry = inner.tickets.remove(&digest).filter(|entry| now < entry.end);
        if let Some(Entry { payload, .. }) = &entry
            && self.keep_consumed
        {
            if inner.consumed.len() == RECORDS {
                inner.consumed.pop_front();
            }
            inner.consumed.push_back(ConsumedTicket { payload: payload.clone(), at: SystemTime::now() });
        }
        drop(inner);
        drop(expired);
        entry.map(|entry| entry.payload).ok_or(TicketError::Invalid)
    }
}

impl<P> Inner<P> {
    /// Takes expired tickets out, a bounded number at a time. Each call may add one, so they do not pile up.
    fn purge(&mut self, now: Instant) -> Vec<Entry<P>> {
        let mut expired = Vec::new();
        for _ in 0..PURGED {
            match self.ends.peek() {
                Some(Reverse((end, _))) if *end <= now => {}
                _ => break,
            }
            if let Some(Reverse((_, digest))) = self.ends.pop() {
                expired.extend(self.tickets.remove(&digest));
            }
        }
        // Of consumed ones there is nothing to be remembered; to look for them is worth it when they are the most.
        if self.ends.len() > 1024 && self.ends.len() > 2 * self.tickets.len() {
            self.ends.retain(|Reverse((_, digest))| self.tickets.contains_key(digest));
        }
        // Memory returns after a burst.
        if self.ends.capacity() > 1024 && self.ends.len() < self.ends.capacity() / 4 {
            self.ends.shrink_to(self.ends.len() * 2);
            self.tickets.shrink_to(self.ends.len() * 2);
        }
        expired
    }
}

impl<P> Default for MemoryTickets<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for MemoryTickets<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTickets")
            .field("tickets", &self.len())
            .field("consumed", &self.consumed_len())
            .finish()
    }
}

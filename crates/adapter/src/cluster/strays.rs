use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many are remembered.
const MOST: usize = 4096;

/// So long is each of them remembered: longer than a carrier takes that is only slow.
const LONGEST: Duration = Duration::from_secs(60);

/// Broadcasts of this node that were published and delivered without their places, and may still come back.
#[derive(Default)]
pub(super) struct Strays(VecDeque<Stray>);

struct Stray {
    ticket: u64,
    since: Instant,
    /// Who had come last when it was delivered, if it has been.
    latest: Option<u32>,
}

impl Strays {
    pub(super) fn add(&mut self, ticket: u64) {
        let now = Instant::now();
        let is_over = |first: &Stray| now.duration_since(first.since) > LONGEST;
        while self.0.len() >= MOST || self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        let at = self.0.partition_point(|stray| stray.ticket < ticket);
        self.0.insert(at, Stray { ticket, since: now, latest: None });
    }

    /// One was delivered, when this was the member that had come last.
    pub(super) fn delivered(&mut self, ticket: u64, latest: u32) {
        if let Some(at) = self.find(ticket) {
            self.0[at].latest = Some(latest);
        }
    }

    /// One has come back, or never will; returns who had come last when it was delivered, if that is known.
    pub(super) fn forget(&mut self, ticket: u64) -> Option<u32> {
        self.find(ticket).and_then(|at| self.0.remove(at))?.latest
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        self.0.binary_search_by_key(&ticket, |stray| stray.ticket).ok()
    }
}

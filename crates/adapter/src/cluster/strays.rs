use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::pending::Pending;
use crate::{Message, Offset};

/// So many are remembered.
const MOST: usize = 4096;

/// So long is each of them remembered: longer than a carrier takes that is only slow.
const LONGEST: Duration = Duration::from_secs(60);

/// Broadcasts of this node that were published and delivered without their places, in the order in which they come back,
/// if they do: so that none of them is taken for an equal one that waits.
#[derive(Default)]
pub(super) struct Strays(VecDeque<Stray>);

pub(super) struct Stray {
    pub(super) ticket: u64,
    since: Instant,
    hash: u64,
    /// Its place, if the carrier has said it.
    place: Option<Offset>,
    /// Who had come last when it was delivered, if it has been.
    pub(super) latest: Option<u32>,
}

impl Strays {
    pub(super) fn add(&mut self, ticket: u64, pending: &Pending) {
        let now = Instant::now();
        let is_over = |first: &Stray| now.duration_since(first.since) > LONGEST;
        while self.0.len() >= MOST || self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        let hash = hash(&pending.data, &pending.attachments);
        let at = self.0.partition_point(|stray| stray.ticket < ticket);
        self.0.insert(at, Stray { ticket, since: now, hash, place: None, latest: None });
    }

    /// The carrier has said the place of one, which may have come before.
    pub(super) fn placed(&mut self, ticket: u64, place: Offset, has_come: bool) {
        if has_come {
            self.forget(ticket);
        } else if let Some(at) = self.find(ticket) {
            self.0[at].place = Some(place);
        }
    }

    /// One does not come back.
    pub(super) fn forget(&mut self, ticket: u64) {
        if let Some(at) = self.find(ticket) {
            self.0.remove(at);
        }
    }

    /// One was delivered, when this was the member that had come last.
    pub(super) fn delivered(&mut self, ticket: u64, latest: u32) {
        if let Some(at) = self.find(ticket) {
            self.0[at].latest = Some(latest);
        }
    }

    /// Takes the one out that has come back, if it is one of them.
    pub(super) fn take(&mut self, message: &Message, place: Offset) -> Option<Stray> {
        let hash = hash(&message.data, &message.attachments);
        let is_it = |stray: &Stray| match stray.place {
            Some(its) => its == place,
            None => stray.hash == hash,
        };
        let at = self.0.iter().position(is_it)?;
        self.0.remove(at)
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        self.0.binary_search_by_key(&ticket, |stray| stray.ticket).ok()
    }
}

/// Of binary data the attachments alone, as the rest may have gone by another encoding.
fn hash(data: &Bytes, attachments: &[Bytes]) -> u64 {
    let mut hasher = DefaultHasher::new();
    if attachments.is_empty() {
        data.hash(&mut hasher)
    } else {
        attachments.hash(&mut hasher)
    }
    hasher.finish()
}

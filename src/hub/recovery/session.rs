use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tower_socketio_adapter::{Offset, Room};
use tower_socketio_proto::socketio::Arguments;

use super::Pass;
use crate::hub::{Extensions, Lease, Name, new_id};

/// A client that is away: what it has to get back.
pub(in crate::hub) struct Session {
    pub(super) id: Name,
    pub(super) trail: Arc<Trail>,
    pub(super) rooms: Vec<Room>,
    pub(super) user: Option<Room>,
    pub(super) extensions: Extensions,
    /// The place of the latest packet when it left.
    pub(super) left: Offset,
    /// When it left, or came from another node.
    pub(super) at: Instant,
    /// A namespace does not end while somebody may come back to it.
    pub(super) lease: Lease,
    pub(super) size: usize,
    /// It was at another node, of which only what can be told came along.
    pub(super) is_foreign: bool,
    /// By what it is told from others of the same client, of which all nodes may have one.
    pub(super) stamp: Name,
    /// Whether nobody else can have it: it is not kept for all nodes, or was taken from there.
    pub(super) is_ours: AtomicBool,
}

impl Session {
    /// By what it is known.
    pub(super) fn key(&self) -> &Name {
        if self.trail.is_bare { &self.trail.secret } else { &self.id }
    }

    /// What it takes of the memory, nearly: nobody knows what data of the user's holds.
    pub(super) fn size_of(rooms: &[Room], extensions: &Extensions) -> usize {
        let rooms = rooms.iter().map(|room| size_of::<Room>() + room.name().len()).sum::<usize>();
        size_of::<Self>() + size_of::<Trail>() + 192 + rooms + extensions.len() * 128
    }
}

/// What the log and a socket know of one another. Numbers change under the log's lock.
pub(in crate::hub) struct Trail {
    /// The half of the pid that nobody else knows; the other one is the socket's id.
    pub(super) secret: Name,
    /// The secret is the whole pid, as in Node.
    pub(super) is_bare: bool,
    /// No packet up to this place is for the client, whatever it says.
    pub(super) floor: Place,
    /// The place of the last packet that was for the client.
    pub(super) sent: Place,
    /// The place that the client had from another log when it entered, and says until it gets one here.
    pub(super) stale: Option<Offset>,
    /// The client is away and may come back.
    pub(super) away: AtomicBool,
    departure: AtomicU8,
    back: Mutex<Back>,
}

/// An offset that changes under a log's lock alone.
#[derive(Default)]
pub(super) struct Place(AtomicU64, AtomicU64);

impl Place {
    pub(super) fn get(&self) -> Offset {
        Offset::new(self.0.load(Ordering::Relaxed), self.1.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, offset: Offset) {
        self.0.store(offset.major(), Ordering::Relaxed);
        self.1.store(offset.minor(), Ordering::Relaxed);
    }
}

/// Whether a socket is one that came back.
pub(super) enum Back {
    No,
    Coming(Arc<Returning>),
    Came { away: Duration, counted: bool },
}

/// A client that is to come back, and about which the decision is being made.
pub(super) struct Returning {
    pub(super) session: Arc<Session>,
    pub(super) pass: Pass,
    pub(super) auth: Option<Arguments>,
    pub(super) lease: Lease,
}

/// The departure was noted by those who count users that come back.
const COUNTED: u8 = 1;
/// The departure has been followed by a recovery.
const RECOVERED: u8 = 2;

impl Trail {
    pub(in crate::hub) fn new(stale: Option<Offset>) -> Arc<Self> {
        Self::with(new_id(), false, stale, Back::No)
    }

    /// That of a client that was at another node.
    pub(super) fn foreign(pass: &Pass) -> Arc<Self> {
        Self::with(Name::from(pass.secret()), pass.id().is_none(), None, Back::No)
    }

    pub(super) fn returning(returning: Returning) -> Arc<Self> {
        let Self { secret, is_bare, stale, .. } = &*returning.session.trail;
        Self::with(secret.clone(), *is_bare, *stale, Back::Coming(Arc::new(returning)))
    }

    fn with(secret: Name, is_bare: bool, stale: Option<Offset>, back: Back) -> Arc<Self> {
        Arc::new(Self {
            secret,
            is_bare,
            floor: Place::default(),
            sent: Place::default(),
            stale,
            away: AtomicBool::new(false),
            departure: AtomicU8::new(0),
            back: Mutex::new(back),
        })
    }

    pub(super) fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn coming(&self) -> Option<Arc<Returning>> {
        match &*self.back() {
            Back::Coming(returning) => Some(returning.clone()),
            Back::No | Back::Came { .. } => None,
        }
    }

    /// The socket has ended before it was decided whether it comes back.
    pub(in crate::hub) fn stay_away(&self) {
        let mut back = self.back();
        let returning = match &*back {
            Back::Coming(_) => std::mem::replace(&mut *back, Back::No),
            Back::No | Back::Came { .. } => return,
        };
        drop(back);
        if let Back::Coming(returning) = returning {
            returning.session.give_back();
        }
    }

    /// A packet was for the client.
    pub(in crate::hub) fn note(&self, place: Offset) {
        self.sent.set(place);
    }

    /// A packet comes that is for the client; `false` if it has had it, at another node.
    pub(in crate::hub) fn takes(&self, offset: &str) -> bool {
        let number = || offset.parse().map(|number| Offset::new(number, 0)).ok();
        let Some(place) = number().or_else(|| offset.parse().ok()) else { return true };
        if place <= self.floor.get() {
            return false;
        }
        self.note(place);
        true
    }

    /// Whether the socket's departure is to be counted: not if its client is back already.
    pub(super) fn depart(&self) -> bool {
        self.departure.swap(COUNTED, Ordering::AcqRel) != RECOVERED
    }

    /// The client is back; says whether its departure was counted.
    pub(super) fn recover(&self) -> bool {
        self.departure.swap(RECOVERED, Ordering::AcqRel) == COUNTED
    }

    pub(in crate::hub) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Compares without telling by the time it takes how much of it was right.
    pub(super) fn has_secret(&self, secret: &str) -> bool {
        let differ = |differ, (a, b): (u8, u8)| differ | (a ^ b);
        self.secret.len() == secret.len() && self.secret.bytes().zip(secret.bytes()).fold(0, differ) == 0
    }
}

use std::time::Duration;

use bytes::Bytes;

use super::BusError;
use crate::{BoxFuture, Room};

/// Keeps what clients that are away need to come back, on whichever node.
///
/// A carrier that has it also keeps messages, gives each an [`Offset`](super::Offset), and brings all of them to all nodes
/// in one order, which is the order of the offsets.
pub trait Sessions: Send + Sync {
    /// Keeps a session for so long; it takes the place of one with the same pid.
    ///
    /// # Errors
    ///
    /// If the carrier cannot be reached or does not take it.
    fn save<'a>(
        &'a self,
        session: &'a StoredSession,
        window: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>>;

    /// Takes a session out, if it is there: of several nodes that try one gets it.
    ///
    /// # Errors
    ///
    /// If the carrier cannot be reached.
    fn take<'a>(&'a self, pid: &'a str) -> BoxFuture<'a, Result<Option<StoredSession>, BusError>>;
}

/// Who a client was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// The id of its socket.
    pub id: String,
    /// The secret by which it comes back.
    pub pid: String,
    /// The rooms that it was in, its own among them.
    pub rooms: Vec<Room>,
    /// Its data, in JSON.
    pub data: Bytes,
    /// What only nodes of this library read, in JSON; empty if a Node server has written the session.
    pub notes: Bytes,
}

impl StoredSession {
    /// Creates a session without notes.
    pub fn new(id: String, pid: String, rooms: Vec<Room>, data: Bytes) -> Self {
        Self { id, pid, rooms, data, notes: Bytes::new() }
    }
}

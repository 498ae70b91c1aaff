use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Flags, Outgoing, Room};

/// What an adapter knows of a socket; the server implements it.
///
/// [`deliver`](Self::deliver), [`ask`](Self::ask), [`disconnect`](Self::disconnect) and [`describe`](Self::describe)
/// are called without any lock held, so they may call the adapter. They must neither block nor panic: the other
/// recipients wait for them.
///
/// [`Any`] is a supertrait so that the server gets its own type back from an `Arc<dyn Member>`.
pub trait Member: Any + Send + Sync {
    /// Returns the socket's id, which is also the name of its own room.
    ///
    /// It never changes and no two members of an adapter share it. Called with the adapter's lock held: an
    /// implementation only returns a field.
    fn id(&self) -> &str;

    /// Queues a packet for the client; `false` says that it was dropped or the connection is closed.
    fn deliver(&self, packet: &Outgoing, flags: Flags) -> bool;

    /// A packet that was delivered without its place turns out to have this one: the client may not have got it, if its
    /// connection is lost before anything else comes.
    fn placed(&self, packet: &Outgoing) {
        let _ = packet;
    }

    /// Queues a packet that has an acknowledgement id and sends what the client answers to `answers`; `false` says that
    /// the client was not asked.
    fn ask(&self, packet: &Outgoing, flags: Flags, answers: &Arc<dyn Answers>) -> bool;

    /// Disconnects the socket from its namespace, and with `close` the whole connection.
    fn disconnect(&self, close: bool);

    /// Describes the socket, which is in `rooms`, for whoever [fetches](crate::Adapter::fetch) it.
    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket;
}

/// Receives what clients answer to a broadcast.
pub trait Answers: Send + Sync + 'static {
    /// Takes the answer of the socket `from`: the text of a JSON array with placeholders, and the attachments.
    ///
    /// Called at most once for each socket that was asked; the first call can come before the broadcast returns.
    ///
    /// Of what a socket on another node answers this is the first argument alone, and `from` is empty where its id is
    /// not known.
    fn answer(&self, from: &str, args: Bytes, attachments: Vec<Bytes>);

    /// The socket `from`, which was asked on this node, has left and answers no more.
    fn lost(&self, from: &str) {
        let _ = from;
    }

    /// So many other nodes have yet to say how many sockets they ask; 0 ends it.
    ///
    /// Called first before the broadcast returns, by adapters that ask other nodes; the number is an estimate while the
    /// nodes are being counted.
    fn nodes_left(&self, nodes: usize) {
        let _ = nodes;
    }

    /// So many sockets on another node are asked, too.
    fn asked_elsewhere(&self, sockets: usize) {
        let _ = sockets;
    }

    /// So many of the sockets asked on another node give no answer any more.
    fn lost_elsewhere(&self, sockets: usize) {
        let _ = sockets;
    }
}

/// A snapshot of a socket on this node or on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteSocket {
    /// The socket's id.
    pub id: String,
    /// The rooms the socket is in, its own first.
    pub rooms: Vec<Room>,
    /// The handshake, as JSON.
    pub handshake: Bytes,
    /// The data that the program attached to the socket, as JSON.
    pub data: Bytes,
}

impl RemoteSocket {
    /// Creates a snapshot.
    pub fn new(id: impl Into<String>, rooms: Vec<Room>, handshake: Bytes, data: Bytes) -> Self {
        Self { id: id.into(), rooms, handshake, data }
    }
}

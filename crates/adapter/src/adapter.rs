use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Answers, Home, IntoRooms, Member, Outgoing, RemoteSocket, Room, Sessions};

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Knows which sockets of one namespace are in which rooms, and delivers broadcasts to them.
///
/// Every socket is in a room named by its id, from [`add`](Self::add) until [`remove`](Self::remove): it can be targeted
/// and excepted like any room and cannot be left. A room exists while somebody is in it.
///
/// A socket is added when its client is accepted; before that no broadcast reaches it. What needs no answer is
/// synchronous and must not block: an adapter that talks to other nodes hands it to a task of its own. All methods take
/// `&self` and can be called from any thread, and from inside of what a [`Member`] does.
pub trait Adapter: Debug + Send + Sync + 'static {
    /// Tells the adapter whose rooms it keeps; called once, before anything else.
    fn open(&self, home: Arc<dyn Home>) {
        drop(home);
    }

    /// Adds a socket, which is then in its own room only.
    fn add(&self, member: Arc<dyn Member>) -> Handle;

    /// Removes a socket from all rooms and from the adapter; its handle is then stale, and using it does nothing.
    fn remove(&self, at: Handle);

    /// Joins rooms; being in one of them already is no error.
    fn join(&self, at: Handle, rooms: &[Room]);

    /// Leaves rooms; not being in one of them is no error.
    fn leave(&self, at: Handle, rooms: &[Room]);

    /// Leaves all plain rooms but the socket's own: whose socket it is does not change.
    fn leave_all(&self, at: Handle);

    /// Returns the rooms a socket is in: its own, then the others in the order in which it joined them.
    fn rooms(&self, at: Handle) -> Vec<Room>;

    /// Returns the socket with this id, if it is on this node.
    fn find(&self, id: &str) -> Option<Arc<dyn Member>>;

    /// Delivers a packet to every target once, and returns how many on this node took it; or, where that is to wait, how
    /// many there are.
    fn broadcast(&self, packet: &Arc<Outgoing>, to: &Target) -> usize;

    /// Asks every target once and sends their answers to `answers`; returns how many on this node were asked.
    ///
    /// An adapter that asks other nodes, too, says so to `answers` before it returns.
    fn broadcast_with_ack(&self, packet: &Arc<Outgoing>, to: &Target, answers: &Arc<dyn Answers>) -> usize;

    /// Lets every target join rooms, leave rooms or be disconnected.
    fn act(&self, action: Action, to: &Target);

    /// Returns the targets on this node.
    fn members(&self, to: &Target) -> Vec<Arc<dyn Member>>;

    /// Returns the rooms that exist on this node, without the sockets' own, in no particular order.
    fn room_names(&self) -> Vec<Room>;

    /// Describes the targets, those on other nodes included.
    ///
    /// # Errors
    ///
    /// If other nodes could not be asked.
    fn fetch(&self, to: &Target) -> BoxFuture<'_, Result<Vec<RemoteSocket>, AdapterError>>;

    /// Emits an event to the programs of the other nodes, and sends their answers to `answers` if there are some to come:
    /// the text of a JSON array that starts with the event's name and has a placeholder for each attachment.
    fn server_side_emit(&self, args: Bytes, attachments: Vec<Bytes>, asks: Option<ServerAsk>) {
        drop((args, attachments, asks));
    }

    /// Returns how many nodes there are, this one included.
    ///
    /// # Errors
    ///
    /// If they could not be counted.
    fn server_count(&self) -> BoxFuture<'_, Result<usize, AdapterError>> {
        Box::pin(std::future::ready(Ok(1)))
    }

    /// What keeps the sessions of clients that are away, for all nodes; none by default.
    ///
    /// Where there is one, and the [home](Home::history) wants it, what is broadcast is delivered to the sockets of this
    /// node, too, only when it has its place among what all nodes broadcast.
    fn sessions(&self) -> Option<&dyn Sessions> {
        None
    }

    /// Resolves when what was broadcast before the adapter was opened is known here, as far as the home wants it, or
    /// cannot be had now.
    fn opened(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Does something behind what was broadcast before: at once, unless that waits for its place.
    fn in_turn(&self, then: Box<dyn FnOnce() + Send>) {
        then();
    }

    /// Lets go of what the adapter holds outside of itself; called once, when the namespace ends.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Where a member stands in its adapter.
///
/// The index of a removed member is given away again, with another generation: a stale handle never means somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    index: u32,
    generation: u32,
}

impl Handle {
    /// Creates a handle; for adapters that keep members themselves.
    pub fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// Returns the place of the member among all others.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Returns what distinguishes members that had this place one after another.
    pub fn generation(self) -> u32 {
        self.generation
    }
}

/// Who is meant: the sockets in any of `rooms` (all sockets, if there are none) that are in none of `except`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Rooms whose sockets are meant, each socket once; empty means everybody.
    pub rooms: Vec<Room>,
    /// Rooms whose sockets are not meant.
    pub except: Vec<Room>,
    /// How to deliver.
    pub flags: Flags,
}

impl Target {
    /// Targets the sockets in any of `rooms`.
    pub fn to(rooms: impl IntoRooms) -> Self {
        let mut target = Self::default();
        rooms.into_rooms(&mut target.rooms);
        target
    }

    /// Excepts the sockets in any of `rooms`.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        rooms.into_rooms(&mut self.except);
        self
    }
}

/// How a packet is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flags {
    /// Whether the packet is dropped where the connection is not writable; `false` by default.
    pub volatile: bool,
    /// Whether the transport may compress the packet; `true` by default.
    pub compress: bool,
    /// On which nodes; on all of them by default.
    pub reach: Reach,
    /// How long answers are waited for, if there are some to come.
    pub timeout: Option<Duration>,
}

/// On which nodes a target's sockets are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// On all.
    #[default]
    Everywhere,
    /// On this one.
    Here,
    /// On all but this one.
    Elsewhere,
}

/// Who waits for what other nodes answer to an event, and for how long.
#[derive(Clone)]
pub struct ServerAsk {
    /// Gets the answers.
    pub answers: Arc<dyn Answers>,
    /// How long they are waited for.
    pub timeout: Duration,
}

impl Debug for ServerAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerAsk").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self { volatile: false, compress: true, reach: Reach::Everywhere, timeout: None }
    }
}

/// What many sockets can be made to do at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Join rooms.
    Join(Vec<Room>),
    /// Leave rooms.
    Leave(Vec<Room>),
    /// Leave the namespace.
    Disconnect {
        /// Whether the whole connection is closed.
        close: bool,
    },
}

/// Why other nodes' part is missing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// What connects this node to the others failed.
    #[error("other nodes could not be asked")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Some nodes did not answer in time.
    #[error("{missing} of the other nodes did not answer in time")]
    Timeout {
        /// How many.
        missing: usize,
    },
}

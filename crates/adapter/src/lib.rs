//! Rooms for Socket.IO servers: which sockets are in which rooms, and how a broadcast finds them.
//!
//! One [`Adapter`] belongs to one namespace. The server adds a [`Member`] when a client is accepted and gets a
//! [`Handle`] to it; rooms are joined and left with that handle; a broadcast names its recipients with a [`Target`].
//! [`LocalAdapter`] does this in memory, for one node. It is the default, and what other adapters wrap.
//!
//! ```
//! use tower_socketio_adapter::{Adapter, LocalAdapter, Room, Target};
//!
//! # fn serve(socket: std::sync::Arc<dyn tower_socketio_adapter::Member>) {
//! let rooms = LocalAdapter::new();
//! let handle = rooms.add(socket);
//! rooms.join(handle, &[Room::new("lobby"), Room::user("42")]);
//! assert_eq!(rooms.members(&Target::to("lobby")).len(), 1);
//! rooms.remove(handle); // leaves every room
//! assert!(rooms.room_names().is_empty());
//! # }
//! ```
//!
//! # Several nodes
//!
//! A [`Cluster`] makes adapters that share their namespaces with other nodes: a broadcast reaches the sockets of all, and
//! so do questions, joins, leaves and disconnects. What goes between them is carried by a [`Bus`], of which [`LocalBus`],
//! for nodes inside one process, is here; [`bus`] says what others give. Each node knows its own sockets and rooms only,
//! and asks when it needs to know of others. Programs that serve nobody speak to a cluster by an [`Emitter`].
//!
//! While the bus is down each node goes on alone. It is logged once, counted ([`Cluster::outages`]), and tried again
//! until it is back; what was to be published meanwhile is not made up for.
//!
//! # An adapter of one's own
//!
//! [`Adapter`] is object safe and takes `&self` everywhere. To observe or change what happens in rooms, implement it
//! over a [`LocalAdapter`] and pass on what is not of interest; the server calls it in the order in which the program
//! called the server.

mod adapter;
pub mod bus;
mod cluster;
mod home;
mod json;
mod local;
mod make;
mod member;
mod packet;
mod room;
mod wire_name;

pub use adapter::{Action, Adapter, AdapterError, BoxFuture, Flags, Handle, Reach, ServerAsk, Target};
pub use bus::{
    Bus, BusError, Inbox, Incoming, LocalBus, Membership, Message, MessageError, MessageKind, Offset,
    Posting, Sessions, StoredSession, To,
};
pub use cluster::{Cluster, EmitError, Emitter};
pub use home::{Home, ServerAnswer};
pub use local::LocalAdapter;
pub use make::MakeAdapter;
pub use member::{Answers, Member, RemoteSocket};
pub use packet::{Encode, FORMS, Frame, Frames, Outgoing};
pub use room::{IntoRooms, Room};
#[doc(no_inline)]
pub use tower_socketio_proto::socketio::EncodeError;

//! What carries messages between nodes.
//!
//! The cluster layer ([`Cluster`](crate::Cluster)) speaks the messages of Node's `ClusterAdapter`, one [`Message`] at a
//! time, and a [`Bus`] carries them. It needs two methods; the defaults of the others suit carriers that bring every
//! message to every node. An [`Emitter`](crate::Emitter) speaks over it, too, and only publishes.
//!
//! # What engines are made of
//!
//! On all of them a node's own sockets get what it emits in any case, and a node hears nothing of what is published while its
//! subscription is interrupted, unless messages are kept. What those of Redis and Postgres promise and cost is said by
//! `tower-socketio-redis` and `tower-socketio-postgres`, where they are; this is how they fill the trait:
//!
//! | | sharded Redis | classic Redis | Redis streams | Postgres | [`LocalBus`] |
//! |---|---|---|---|---|---|
//! | a message is | an envelope | translated both ways | an entry or, if it asks or answers, an envelope | an envelope | an envelope in memory |
//! | [`Offset`] | – | – | the entry's id | – | –, or [its number](LocalBus::journaled) |
//! | [`Sessions`] | – | – | keys | – | –, or in memory |
//! | [`Membership`] | counted | counted | counted | heartbeats | heartbeats, or [counted](LocalBus::counted) |
//! | [`To::Room`] | a channel of the room | a channel of the room, which all nodes hear | as all | as all | as all |
//! | [`To::Node`] | a channel of the node | the channel of all answers, or of the node | a channel of the node | as all | as all |
//! | [`Bus::room_opened`] | subscribes to the room's channel | says what is to be read | – | – | – |
//!
//! ## Others
//!
//! NATS, for example, for which Node has no adapter: a subject for each namespace, and one for each node.
//!
//! - Delivery and order: at most once, in each publisher's order.
//! - Offsets: none; with JetStream the sequence in the stream.
//! - Membership: heartbeats.
//! - Limits: 1 MiB for a message, unless the server is set otherwise; a larger one is [refused](BusError::Refused). A
//!   consumer that is too slow loses messages.

mod error;
mod inbox;
mod journal;
mod local;
mod membership;
mod message;
mod offset;
mod sessions;
mod shared;
mod to;

pub use error::{BusError, MessageError};
pub use inbox::{Inbox, Incoming};
pub use local::LocalBus;
pub use membership::Membership;
pub use message::{Message, MessageKind};
pub use offset::{NoOffset, Offset};
pub use sessions::{Sessions, StoredSession};
pub use to::{Posting, To};

use std::fmt::Debug;

use crate::BoxFuture;

/// Carries messages between the nodes of a cluster.
///
/// A node has a new id in each namespace, so a namespace and a node name one subscription. All methods can be called at
/// any time from any thread; their futures run on tokio, may be dropped at any point, and are dropped if they take too
/// long. A failure is an error, never a panic.
pub trait Bus: Debug + Send + Sync + 'static {
    /// Subscribes a node to a namespace: every message from now on goes to `inbox`, the node's own may come, too.
    ///
    /// It resolves when the carrier has confirmed it, and [the past](Inbox::history), if it is wanted, has been brought. A
    /// subscription that is lost ends with [`Inbox::fail`], and is opened again after a while. Opening one that exists
    /// takes its place.
    ///
    /// # Errors
    ///
    /// If the carrier cannot be reached; it is tried again.
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>>;

    /// Publishes a message, which names its namespace and node; resolves when the carrier has it, with its place if the
    /// carrier gives it one.
    ///
    /// Called for one message of a subscription at a time, in order; also while it is not open.
    ///
    /// # Errors
    ///
    /// If the carrier cannot be reached or does not take the message, which is then lost.
    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>>;

    /// Publishes several messages in this order; resolves with a result for each, in the same order. Nodes do this with
    /// all that waits.
    ///
    /// By default they are published one by one: a carrier that is far away can do better.
    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(postings.len());
            for Posting { message, to, .. } in postings {
                results.push(self.publish(message, *to).await);
            }
            results
        })
    }

    /// Ends a subscription; nothing, if there is none. It resolves when all has been brought that was published before.
    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        let _ = (namespace, node);
        Box::pin(std::future::ready(()))
    }

    /// How nodes know of each other; by heartbeats by default.
    fn membership(&self) -> Membership {
        Membership::Heartbeat
    }

    /// Counts the nodes that are subscribed to a namespace, the asking one included; only used where
    /// [`membership`](Self::membership) says so, and for questions where a [`Posting`] was not told how many it has
    /// reached.
    ///
    /// # Errors
    ///
    /// If the carrier cannot be reached, or does not count.
    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        let _ = namespace;
        Box::pin(std::future::ready(Err(BusError::refused("this carrier does not count"))))
    }

    /// What keeps the sessions of clients that are away; none by default. A carrier that has it keeps messages, too.
    fn sessions(&self) -> Option<&dyn Sessions> {
        None
    }

    /// A room of the node has its first member here; a socket's own room, too.
    ///
    /// For carriers with channels for rooms. The name is the [wire name](crate::Room::wire_name). Told from the
    /// node's first socket on until [`close`](Self::close), whether the subscription is open or not. Called for one room
    /// after the other, in order, by whoever joins or leaves: an implementation only notes it.
    fn room_opened(&self, namespace: &str, node: &str, room: &str) {
        let _ = (namespace, node, room);
    }

    /// A room of the node has lost its last member here; as [`room_opened`](Self::room_opened).
    fn room_closed(&self, namespace: &str, node: &str, room: &str) {
        let _ = (namespace, node, room);
    }
}

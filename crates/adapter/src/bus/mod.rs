//! What carries messages between nodes.
//!
//! The cluster layer ([`Cluster`](crate::Cluster)) speaks the messages of Node's `ClusterAdapter`, one [`Message`] at a
//! time, and a [`Bus`] carries them. It needs two methods; the defaults of the others suit carriers that bring every
//! message to every node. An [`Emitter`](crate::Emitter) speaks over it, too, and only publishes.
//!
//! # What an engine gives
//!
//! On all of them a node hears nothing of what is published while its subscription is interrupted, unless the engine's
//! paragraph says so, and its own sockets get what it emits in any case. Nothing but [`LocalBus`] is in this crate; those of
//! Redis and Postgres are in `tower-socketio-redis` and `tower-socketio-postgres`.
//!
//! ## Redis streams
//!
//! As Node's `@socket.io/redis-streams-adapter` 0.3: broadcasts, joins, leaves and disconnects are entries of a stream,
//! requests and answers go by pub/sub.
//!
//! - Delivery and order: entries come at least as long as the stream keeps them, in one order for all nodes; requests and
//!   answers at most once, in each publisher's order.
//! - Offsets: the entry's id, so clients [come back](Sessions) to any node.
//! - Membership: [counted](Membership::Counted), the subscribers of the namespace's channel. [`To::Node`] is a channel.
//! - Limits: about the latest 10 000 entries are kept.
//! - In an outage what is published is lost for the others; a reader goes on behind the last entry that it has seen.
//!
//! ## Sharded Redis pub/sub
//!
//! As the sharded adapter of Node's `@socket.io/redis-adapter`, for Redis 7 and later: `SPUBLISH` to a channel for each
//! namespace, and to one for each room, which is subscribed where the room has members ([`Bus::room_opened`],
//! [`To::Room`]).
//!
//! - Delivery and order: at most once, in each publisher's order within a channel.
//! - Offsets: none.
//! - Membership: counted, over all primaries. [`To::Node`] is a channel.
//! - Limits: 32 MiB wait for a subscriber, or 8 MiB for a minute, unless Redis is set otherwise; then it drops the
//!   connection.
//! - In an outage messages are lost in both directions.
//!
//! ## Classic Redis pub/sub
//!
//! As Node's `@socket.io/redis-adapter`, whose format is not that of these messages: msgpack on channels that are
//! subscribed to by pattern, and requests in JSON. A carrier translates both ways. Answers do not say there which node
//! gives them, so it makes up a node for each.
//!
//! - Delivery and order: at most once, in each publisher's order. All nodes hear everything; what is for a single room that
//!   has nobody here is passed over unread, as rooms are told to the carrier ([`Bus::room_opened`]).
//! - Offsets: none.
//! - Membership: counted. [`To::Node`] is the channel of all answers, or that of the node where servers are set so.
//! - Limits: as of sharded pub/sub. In a Redis Cluster everything goes to all of its nodes.
//! - In an outage messages are lost in both directions. That a node leaves is not told: acknowledgements of its clients are
//!   waited for until the time is up.
//!
//! ## Postgres
//!
//! As Node's `@socket.io/postgres-adapter` 0.5: `NOTIFY` on a channel for each namespace.
//!
//! - Delivery and order: at most once, in one order for all nodes.
//! - Offsets: none.
//! - Membership: [heartbeats](Membership::Heartbeat). Everything comes to all nodes, answers too.
//! - Limits: 8000 bytes; what is longer or binary lies in a table, for 30 s, and its number is notified. Nodes share one
//!   database.
//! - In an outage messages are lost in both directions, also while only the connection that listens is interrupted.
//!
//! ## NATS
//!
//! Node has no adapter for it. A subject for each namespace, and one for each node.
//!
//! - Delivery and order: at most once, in each publisher's order.
//! - Offsets: none; with JetStream the sequence in the stream.
//! - Membership: heartbeats.
//! - Limits: 1 MiB for a message, unless the server is set otherwise; a larger one is [refused](BusError::Refused). A
//!   consumer that is too slow loses messages.
//! - In an outage messages are lost in both directions.
//!
//! ## `LocalBus`
//!
//! Nodes inside one process, through queues in memory.
//!
//! - Delivery and order: at most once, in one order for all nodes.
//! - Offsets: none, or [all](LocalBus::journaled).
//! - Membership: heartbeats, or [counted](LocalBus::counted). Everything comes to all nodes, answers too.
//! - Limits: 16 384 messages wait for a node; then its subscription is interrupted.
//! - In an [outage](LocalBus::outage) messages are lost in both directions.

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

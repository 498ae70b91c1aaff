//! One cluster of Rust and Node servers over Redis or Valkey.
//!
//! A server that is given an adapter shares its namespaces with all others on the same Redis: a broadcast reaches the
//! clients of all, and so do questions, joins, leaves and disconnects.
//!
//! ```no_run
//! use tower_socketio::{Namespace, SocketIo};
//! use tower_socketio_redis::RedisAdapter;
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let io = SocketIo::builder()
//!     .adapter(RedisAdapter::sharded("redis://localhost").connect().await?)
//!     .namespace("/", Namespace::new())
//!     .build()?;
//! io.to("lobby").emit("news", "to the clients of every node");
//! # Ok(())
//! # }
//! ```
//!
//! Node servers join by the official adapters, whose formats these are. All servers must use the same one:
//!
//! | | [`sharded`](RedisAdapter::sharded) | [`classic`](RedisAdapter::classic) | [`streams`](RedisAdapter::streams) |
//! |---|---|---|---|
//! | Node's side | `createShardedAdapter` of `@socket.io/redis-adapter` 8.3 | `createAdapter` of `@socket.io/redis-adapter` 8.3, and older | `@socket.io/redis-streams-adapter` 0.3 |
//! | Redis | 7, Valkey | 6, Valkey | 6.2, Valkey; 7 for its sharded pub/sub |
//! | a broadcast to one room goes to | nodes with members of the room; all, [by default](SubscriptionMode), if its name has 20 characters as a socket's own | all nodes, which pass it over unread if nobody is in it | all nodes |
//! | any other broadcast goes to | all nodes | all nodes | all nodes |
//! | in a Redis Cluster | spread over its primaries by namespace and room | sent to every node of the cluster | on the primary of the stream, of which there can be several |
//! | delivery | at most once, in each sender's order within a room | at most once, in each sender's order | once, in one order for all nodes; requests and answers at most once |
//! | what is missed while disconnected | is lost | is lost | is read later, as far as the stream reaches back |
//! | recovery of a client's connection | on the same node | on the same node | on any node |
//! | who emits without serving | an [`Emitter`] | an [`Emitter`], and npm's `@socket.io/redis-emitter` | an [`Emitter`], and Node's `@socket.io/redis-streams-emitter` |
//!
//! Take `sharded` unless there are Node servers that use another: it costs less, and grows with a Redis Cluster. Take
//! `streams` if nothing may be lost while a node connects again, or if clients that come back may land on another node;
//! every message is written, kept and read by every node then.
//!
//! # Programs that serve nobody
//!
//! A worker or a script emits with an [`Emitter`], which is made as the servers' adapter is, with the same options, but for
//! the last step. Servers hear it that use this adapter, Node's, too.
//!
//! ```no_run
//! use tower_socketio_redis::RedisAdapter;
//!
//! # async fn work() -> Result<(), Box<dyn std::error::Error>> {
//! let emitter = RedisAdapter::sharded("redis://localhost").emitter().await?;
//! emitter.to("lobby").emit("news", ("It rains", 3)).await?;
//! emitter.of("/admin").except("auditors").disconnect(true).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It has one connection, or one to each primary of a Redis Cluster that it needs, which is made anew when it is lost; while
//! Redis is out of reach it fails at once. What it says over `streams` is not lost for a node that connects again meanwhile.
//!
//! # Commands that Redis sees
//!
//! Each broadcast is one `SPUBLISH`, `PUBLISH` or `XADD`, and all that wait go in one pipeline. A process has one
//! connection for commands and one that subscribes, whatever its number of namespaces, and one for each stream that it
//! reads; with a Redis Cluster, one of the first two to every primary that is needed. With `sharded` a room costs one
//! `SSUBSCRIBE` when its first member comes and one `SUNSUBSCRIBE` when its last one leaves, in pipelines of up to 1000.
//!
//! With `streams` broadcasts, joins, leaves and disconnects are one `XADD` each, of about as many bytes; a process has one
//! connection more for each stream, on which it waits with `XREAD`. What a node has missed it reads by `XRANGE`. A client
//! that goes away costs a `SET`, one that comes back a `GETDEL`.
//!
//! # When Redis is away
//!
//! `connect` fails if Redis cannot be reached. Later it may come and go: clients of this node get what this node emits,
//! others miss it, requests fail at once, and one line in the log says so. Connections are made anew as soon as that
//! works, and everything is subscribed to again. Over `streams` a node then hears what it has missed, in order and once;
//! what it emitted itself meanwhile others miss, too. A Redis that stands still for less than 30 s loses no subscription: what
//! others had sent comes when it goes on.
//!
//! Redis itself drops a subscriber that does not keep up, for which 32 MiB wait, or 8 MiB for a minute, unless it is set
//! otherwise (`client-output-buffer-limit`): that is an outage for the node, which subscribes again.
//!
//! In a Redis Cluster subscriptions follow slots that move. A primary that dies is an outage for the whole node until a
//! replica has taken over, as nearly every namespace has rooms on each of them; what is sent to the others is delivered.
//!
//! # Servers, clusters, Sentinels, TLS
//!
//! [`RedisServer`] is made from one URL or several, and has what a URL cannot say. `rediss://` needs the Cargo feature
//! `tls`, which is on by default.
//!
//! # The client
//!
//! This stands on the crate `redis`, which speaks RESP3 over one multiplexed connection, is tried with Redis and Valkey,
//! and leaves what happens after a loss to its user. Nothing but its single connections is used: its cluster client sends
//! commands again that were under way when a connection broke, so that a broadcast would come twice, and subscribes again
//! without saying that something may have been missed. `fred`, the other one that was looked at, sends a command up to three
//! times by default, also to a single server. Finding a key's primary, following slots that move and asking Sentinels is
//! done here.

mod adapter;
mod classic;
mod connection;
mod counting;
mod envelopes;
mod error;
mod publishing;
mod sharded;
mod streams;
mod subscriptions;

pub use adapter::RedisAdapter;
pub use classic::ClassicAdapter;
pub use connection::RedisServer;
pub use error::ConnectError;
pub use sharded::{ShardedAdapter, SubscriptionMode};
pub use streams::StreamsAdapter;
pub use tower_socketio_adapter::{BusError, Cluster, EmitError, Emitter, EncodeError, IntoRooms, Room};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Joins Socket.IO servers through Postgres, by `LISTEN` and `NOTIFY`.
//!
//! Servers on tower-socketio and on Node, with `@socket.io/postgres-adapter` 0.5, are one cluster: a broadcast reaches
//! the clients of all, and so do questions, joins, leaves and disconnects.
//!
//! ```no_run
//! use tower_socketio::{Namespace, Socket, SocketIo};
//! use tower_socketio_postgres::PostgresAdapter;
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = PostgresAdapter::new("postgres://chat:secret@localhost/chat").connect().await?;
//! let chat = Namespace::new().on_connect(async |socket: Socket| socket.join("lobby"));
//! let io = SocketIo::builder().adapter(cluster).namespace("/", chat).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! A program that serves nobody emits with an [`Emitter`], which is made in the same way but for the last step:
//!
//! ```no_run
//! use tower_socketio_postgres::PostgresAdapter;
//!
//! # async fn work() -> Result<(), Box<dyn std::error::Error>> {
//! let emitter = PostgresAdapter::new("postgres://chat:secret@localhost/chat").emitter().await?;
//! emitter.to("lobby").emit("news", ("It rains", 3)).await?;
//! emitter.of("/admin").except("auditors").disconnect(true).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # When to choose it
//!
//! Where there is a Postgres database anyway and messages are few or short: some hundred broadcasts a second are no load
//! for it. It needs no other engine and no extension. Where broadcasts are very many or large, where a cluster has many
//! nodes, or where clients shall resume on another node, Redis is the better choice.
//!
//! # What it promises
//!
//! - **Delivery**: at most once. What is published while a node is not connected never reaches it. Clients of the node
//!   that emits get the event in any case, whatever the database does.
//! - **Order**: one for all nodes, that in which Postgres takes the messages; those of a node are taken as it sent them.
//!   That holds for long and binary messages, too, which are fetched on the way. Node's servers neither send nor take
//!   those in order.
//! - **Recovery**: clients come back to the node that they left, and to no other.
//! - **Membership**: by heartbeats. A node that ends without a word is waited for during
//!   [`heartbeat_timeout`](tower_socketio_adapter::Cluster::heartbeat_timeout).
//!
//! # What a broadcast costs
//!
//! One statement in a transaction of its own, however many nodes there are, and one notification to each. All that waits
//! goes in one round trip. Answers go to all nodes as well, which ignore those of others.
//!
//! What is binary, or longer than [`payload_threshold`](PostgresAdapter::payload_threshold), is inserted in a table by
//! the same statement and fetched by each other node: one more round trip, and a row that is removed half a minute later.
//! Nothing waits until it is on the disk (`synchronous_commit` is off on that connection).
//!
//! Each namespace says every 5 s that it is there if it says nothing else, so many namespaces are many notifications.
//!
//! # The database
//!
//! Its encoding is UTF-8; others cannot have every message. A server has two connections, one that listens to all its
//! namespaces and one for all else; an emitter has one. They need a session of their own: with PgBouncer that is
//! `pool_mode = session`, and a standby cannot be listened to. A node that hears nothing of what it says itself gives up the
//! connection and says so in the log.
//!
//! The table is made by [`connect`](PostgresAdapter::connect) if it is missing, and again when it is gone, which needs the right
//! to do so. While it is locked, or the database is read-only, what would lie there is lost and all else goes on. Where it is to
//! be made by hand:
//!
//! ```sql
//! CREATE TABLE socket_io_attachments (
//!     id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea
//! );
//! ```
//!
//! Whoever may connect to the database may listen to and notify any channel, and so speak for the servers: give the
//! cluster a database of its own if others have access that do not deserve that.
//!
//! # When the database is away
//!
//! Clients notice nothing but that those of other nodes are silent. That is logged once, counted by the [`Cluster`], and both
//! connections are tried again until they are back; what was to be published meanwhile is lost for the others.
//!
//! A database that hangs while its connections stay open is noticed, too: each is asked a trifle when it has said nothing
//! for [`probe_interval`](PostgresAdapter::probe_interval). A node that takes notifications so slowly that more than
//! 16 384 wait gives up its connection and makes a new one, rather than fill its memory or the database's queue.
//!
//! # Beside Node
//!
//! - All nodes need the same [`channel_prefix`](PostgresAdapter::channel_prefix) and
//!   [`table_name`](PostgresAdapter::table_name); the other options are each node's own.
//! - Node's servers cannot use a namespace with `"` in its name, or one whose channel needs more than 63 bytes. Those on
//!   tower-socketio can, among themselves.
//! - A message of exactly 8000 bytes, which Node's default threshold lets through and Postgres does not, lies in the
//!   table here.
//! - `@socket.io/postgres-emitter` 0.1 is heard here, though it names no namespace; Node's adapter 0.5 ignores it, and
//!   hears our [`Emitter`].
//!
//! # Features
//!
//! - `tls` (on by default): TLS to the database, by rustls. The certificate is always verified, with its name.

mod adapter;
mod bus;
mod channel;
mod deliver;
mod ear;
mod error;
#[cfg(test)]
mod fake;
mod link;
mod listener;
mod note;
mod pen;
mod publisher;
mod server;
mod slot;
mod subscriptions;
mod table;
#[cfg(feature = "tls")]
mod tls;

pub use adapter::PostgresAdapter;
pub use error::ConnectError;
pub use tokio_postgres;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
pub use tower_socketio_adapter::{BusError, Cluster, EmitError, Emitter, EncodeError, IntoRooms, Room};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

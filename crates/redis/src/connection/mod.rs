//! Connections to Redis: what the adapters and emitters of this crate stand on.
//!
//! A [`RedisServer`] describes one server, a cluster or a Sentinel's primary. [`Commands::connect`] says at once if there is
//! no such server, and everything else is made of the [`Plan`] that it has checked:
//!
//! - [`Commands`] runs commands over one multiplexed connection, or one to each node of a cluster, that are made at the
//!   first use and anew after a loss. A batch is one pipeline, a result each; nothing is sent twice. While the server is
//!   down commands fail at once.
//! - [`Subscriber`] has one connection for all that is subscribed to, or one to each primary of a cluster. It brings a
//!   [`Sink`] what is published, in order, called from the connection's own task: while it works nothing is read, so
//!   nothing piles up here, but in Redis, which drops a subscriber that does not keep up. When a connection is lost all
//!   subscriptions are: [`Sink::lost`] is called once, and the next [`subscribe`](Subscriber::subscribe) connects again.
//! - [`Commands::dedicated`] connects for commands that block, such as `XREAD BLOCK`.
//!
//! ```text
//! let (plan, commands) = Commands::connect(&"redis://localhost".into()).await?;
//! let subscriber = Subscriber::new(plan, commands.clone(), sink);
//! subscriber.subscribe(Kind::Shard, &["socket.io#/#"]).await?; // resolves when Redis has confirmed it
//! let receivers = commands.run(Job::new("socket.io#/#", cmd("SPUBLISH").arg(..).take())).await?;
//! ```

mod commands;
mod dial;
mod link;
mod server;
mod shards;
mod subscriber;
mod topology;
mod wires;

pub(crate) use commands::{Commands, Job};
pub(crate) use dial::Plan;
pub use server::RedisServer;
pub(crate) use subscriber::{Delivery, Kind, Sink, Subscriber};

#[cfg(test)]
pub(crate) mod tests;

//! Redis streams: messages that are kept, so that nodes and clients that were away go on where they were.
//!
//! What other nodes have to hear is an entry of a stream; requests and their answers, which nobody needs later, go by
//! pub/sub. The formats are those of npm's `@socket.io/redis-streams-adapter` 0.3.
//!
//! [`positions`] knows who has heard how much of which stream. A [`reader`] for each stream does what it says; the
//! [`bus`](bus::StreamsBus) opens and closes subscriptions and publishes. `entry`, `session`, `id` and `names` are formats,
//! `commands` are those to Redis.

mod bus;
mod commands;
mod entry;
mod id;
mod inner;
mod names;
mod positions;
mod publish;
mod reader;
mod session;
mod setup;
mod subscribe;

#[cfg(test)]
mod tests;

pub use setup::StreamsAdapter;

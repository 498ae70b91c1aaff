//! Rooms of many nodes: what one node tells the others, and what it does when it is told.
//!
//! Everything passes through one [`Shared`](shared::Shared) for each namespace. On the way out a message waits in the
//! outbox, from which one task publishes; on the way in `receive` reads it and calls the local rooms and the
//! namespace's [`Home`](crate::Home). `requests` holds what this node asks, `questions` what it is asked, and
//! `turns` what it broadcasts and may not deliver before it has its place among what all broadcast. The tasks, one
//! that publishes, one that keeps time and one that subscribes while that is to be done, hold all this weakly.
//!
//! An [`Emitter`] says the same, and is no node.

mod adapter;
mod emitter;
mod in_turn;
mod keeper;
mod leave;
mod left;
mod nodes;
mod outage;
mod outbox;
mod pending;
mod questions;
mod read;
mod receive;
mod relay;
mod request;
mod requests;
mod sessions;
mod setup;
mod shared;
mod strays;
mod subscription;
mod turns;
mod write;

pub use emitter::{EmitError, Emitter};
pub use setup::Cluster;

//! Nodes of a cluster, each with an adapter, a namespace and sockets that only write down what happens to them.

#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

mod counted;
mod direct;
mod emitter;
mod equal;
mod heartbeats;
mod hostile;
mod lifetime;
mod lines;
mod model;
mod outage;
mod questions;
mod reentrant;
mod rooms;
mod suite;
mod support;
mod wire;

//! Nodes of a cluster, each with an adapter, a namespace and sockets that only write down what happens to them.

mod heartbeats;
mod hostile;
mod lifetime;
mod outage;
mod suite;
mod support;
mod wire;

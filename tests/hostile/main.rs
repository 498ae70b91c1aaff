//! Attacks on a server over loopback, with a client that keeps to no rule it does not want to keep.
//!
//! What must hold: no client input panics, blocks another client or grows memory without bound, and however a client
//! goes, its `on_disconnect` runs once. Cases that measure memory run in processes of their own.

mod client;
mod events;
mod limits;
#[cfg(target_os = "linux")]
mod memory;
mod panics;
mod polling;
mod silent;
mod storms;
mod support;

//! Middleware.

pub mod connect;
mod deduplicate;
pub mod emit;
pub mod event_auth;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod packet;
mod socketio;
pub mod tickets;
mod trace;

pub use deduplicate::{Deduplicate, DeduplicateLayer};
pub use socketio::SocketIoLayer;
pub use trace::{Trace, TraceLayer, Traced};

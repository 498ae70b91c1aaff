//! Middleware.

pub mod connect;
mod deduplicate;
pub mod emit;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod packet;
mod socketio;
mod trace;

pub use deduplicate::{Deduplicate, DeduplicateLayer};
pub use socketio::SocketIoLayer;
pub use trace::{Trace, TraceLayer, Traced};

//! Middleware.

pub mod connect;
mod deduplicate;
pub mod emit;
pub mod event_auth;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod packet;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
mod size_limit;
mod socketio;
pub mod tickets;
mod token;
mod trace;

pub use deduplicate::{Deduplicate, DeduplicateLayer};
pub use size_limit::{SizeLimit, SizeLimitLayer};
pub use socketio::SocketIoLayer;
pub use token::TokenSource;
pub use trace::{Trace, TraceLayer, Traced};

//! Middleware.

pub mod connect;
pub mod emit;
pub mod packet;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
mod size_limit;
mod socketio;

pub use size_limit::{SizeLimit, SizeLimitLayer};
pub use socketio::SocketIoLayer;

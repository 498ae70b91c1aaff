//! Middleware.

pub mod connect;
pub mod emit;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod packet;
mod socketio;

pub use socketio::SocketIoLayer;

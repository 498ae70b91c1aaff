//! Middleware.

pub mod connect;
pub mod emit;
pub mod event_auth;
pub mod packet;
mod socketio;
pub mod tickets;

pub use socketio::SocketIoLayer;

//! Middleware.

pub mod connect;
pub mod emit;
pub mod packet;
mod socketio;

pub use socketio::SocketIoLayer;

//! Middleware.

mod socketio;

pub use socketio::SocketIoLayer;

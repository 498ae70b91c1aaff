//! Bytes to packets to events and back: the Engine.IO and Socket.IO wire protocols without IO and without a clock.
//!
//! Everything here is synchronous and deterministic. Time is an argument, bytes are arguments, and every decoder is
//! total: any input gives a packet or a typed error, in linear time and within stated limits.

pub mod engineio;
pub mod socketio;
pub mod websocket;

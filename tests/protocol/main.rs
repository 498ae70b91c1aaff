//! The protocol as a client sees it: Engine.IO 4 with Socket.IO 5 and Engine.IO 3 with Socket.IO 4, in raw HTTP and
//! raw WebSocket frames.
//!
//! Every test starts a server of its own on a free port. To hold the suite itself to the reference implementation, set
//! `PROTOCOL_SERVER_CMD` (see [`reference`]); the few places where we are stricter than it ask
//! [`support::reference`].

mod client;
mod engineio;
mod matrix;
mod options;
mod reference;
mod server;
mod socketio;
mod support;

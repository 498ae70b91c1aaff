//! Move bytes between HTTP or a WebSocket and a session; own the connection's task.

mod connection;
mod dispatch;
mod driver;
mod ending;
mod entering;
mod entries;
mod forwarded;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod handshake;
mod http;
mod inbound;
mod io;
mod link;
mod parking;
mod polling;
mod probe;
mod queue;
mod running;
mod seldom;
mod stack;
mod websocket;
mod writer;

pub(crate) use self::handshake::open_in_memory;
pub(crate) use self::http::serve;

//! Move bytes between HTTP or a WebSocket and a session; own the connection's task.

mod answers;
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
mod opening;
mod parking;
mod polling;
mod probe;
mod query;
mod queue;
mod running;
mod seldom;
mod stack;
mod websocket;
mod writer;

pub(crate) use self::handshake::open_in_memory;
pub(crate) use self::http::{Answer, serve};

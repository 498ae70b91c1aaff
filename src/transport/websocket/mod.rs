//! WebSockets: whole data frames in place, everything else through tungstenite.

mod accept;
mod judge;
mod reader;

pub(super) use accept::{accept, is_websocket};
pub(super) use reader::{Failure, Message, Read, Reader, Receive};

//! Classic pub/sub: the format of Node's `@socket.io/redis-adapter`, which is not that of envelopes, translated both ways.

mod asks;
mod bus;
mod channels;
mod incoming;
mod outgoing;
mod reader;
mod setup;
mod wire;

pub use setup::ClassicAdapter;

#[cfg(test)]
mod tests;

//! Sharded pub/sub: envelopes on one channel for each namespace, node and room.

mod bus;
mod channels;
mod setup;

pub use channels::SubscriptionMode;
pub use setup::ShardedAdapter;

#[cfg(test)]
mod tests;

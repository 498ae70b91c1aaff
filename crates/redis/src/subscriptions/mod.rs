//! Which nodes of this process are subscribed to what.

mod seats;
mod settle;

pub(crate) use seats::{Seat, Topic};
pub(crate) use settle::{Reader, Subscriptions};

#[cfg(test)]
mod tests;

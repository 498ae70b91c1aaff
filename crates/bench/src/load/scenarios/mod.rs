//! The scenarios: each connects its clients, lets them do one thing, and says what it cost.

pub(super) mod broadcast;
pub(super) mod churn;
pub(super) mod crowd;
pub(super) mod exchange;
pub(super) mod idle;
pub(super) mod latency;
pub(super) mod many_rooms;
pub(super) mod polling;
pub(super) mod quiet_room;
pub(super) mod rooms;
pub(super) mod storm;

mod pace;
mod setup;

//! The session state machine: heartbeat, upgrade, overlapping requests and closing, without IO and without a clock.

mod heartbeat;
mod io;
mod machine;
mod outbox;

pub use io::{Event, Input, Reason, Refusal, Timing, Transmit, Transport};
pub use machine::Session;

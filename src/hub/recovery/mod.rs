//! Keep what a client that lost its connection has to get back, and give it back.

mod accept;
mod aside;
mod keep;
mod leave;
mod log;
mod options;
mod pass;
mod session;
mod sessions;
mod stored;
mod sweeper;

pub(crate) use accept::Acceptance;
pub(super) use aside::drop_unlocked;
pub(crate) use keep::Keep;
pub(super) use log::{Log, Logged};
pub use options::Recovery;
pub(crate) use pass::Pass;
pub(super) use session::Trail;

//! Values of one socket each, and the methods of theirs that handle its events.

mod ends;
mod life;
#[cfg(feature = "regex")]
mod loopback;
mod mount;
mod services;

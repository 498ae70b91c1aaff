//! The load generator: clients on one thread that cost less than the server they measure.
//!
//! It writes WebSocket frames by hand, reads all connections through one buffer, and asks the kernel what the server
//! spent meanwhile. [`run()`] does one scenario; the program `load` prints what came out as one line of JSON.

mod client;
mod engine;
mod figures;
mod frame;
mod handshake;
mod meter;
mod options;
mod polling;
mod process;
mod quantile;
mod run;
mod scenarios;

pub use figures::Figures;
pub use options::{Options, Place, Span};
pub use process::Process;
pub use quantile::Quantiles;
pub use run::{SCENARIOS, run};

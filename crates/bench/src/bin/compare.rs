//! Servers in turn under the same load: `compare [--rounds N] [--only SCENARIO,…] [--out FILE] [--quick]`.
//!
//! `cargo xtask bench` builds everything and runs it. Whatever it starts it ends, also when it is interrupted.

use tokio::signal::unix::{SignalKind, signal};
use tower_socketio_bench::compare::{Arguments, run};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            outcome = run(&arguments) => outcome,
            _ = interrupt.recv() => Err("interrupted".into()),
            _ = terminate.recv() => Err("terminated".into()),
        }
    })
}

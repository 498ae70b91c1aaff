//! Connections that do nothing.

use std::io;
use std::time::Duration;

use super::setup::{self, Memory};
use crate::load::meter::{Clients, Start};
use crate::load::process::kernel_kib;
use crate::load::{Figures, Options, Process, Span};

/// What opening each connection costs, what memory each has, and what all of them cost in a second.
///
/// # Errors
///
/// If one does not get in, or is lost.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let server = Process::new(options.pid);
    let number = options.connections;
    let (memory, kernel) = (Memory::now(options)?, kernel_kib()?);
    let start = Start::now(server)?;
    let mut clients = Clients::default();
    let pings = setup::stand(options, 0..number, &mut clients).await?;
    let mut figures = start.measured(number as u64)?.figures();

    let (start, before) = (Start::now(server)?, pings.get());
    if let Span::Seconds(seconds) = options.span {
        clients.during(tokio::time::sleep(Duration::from_secs_f64(seconds))).await?;
    }
    let standing = start.measured(number as u64)?;
    memory.put(&mut figures, "", number)?;
    // A connection has two ends here, and both are in the same kernel.
    figures.set("kernel_kib_both_ends", (kernel_kib()? - kernel).max(0.0) / number as f64);
    figures.set("pings", (pings.get() - before) as f64);
    figures.set("idle_share", standing.server.as_secs_f64() / standing.elapsed.as_secs_f64());
    Ok(figures)
}

//! What the servers under load and the programs that measure them share.
//!
//! Every server does the same on the namespace `/`: a client that connects joins the room `r`; `echo` is emitted back
//! with the same data, `ack` is acknowledged with it, and `bcast` is emitted with it to the room `r`, the sender included.

pub mod report;
pub mod results;

type Error = Box<dyn std::error::Error>;

/// Runs a server on the port and with the number of worker threads (1 by default) that the command line names; without
/// any, in a runtime that has but this thread.
///
/// # Errors
///
/// If the command line names no port, the runtime cannot start, or the server ends with an error.
pub fn serve(server: impl AsyncFnOnce(u16) -> Result<(), Error>) -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("usage: PORT [WORKER THREADS]")?.parse()?;
    let threads = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
    let mut runtime = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    // A runtime of one thread takes no notice of a number that is not zero.
    let runtime = runtime.worker_threads(threads.max(1)).enable_all().build()?;
    runtime.block_on(server(port))
}

//! Clients that all connect again at once.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::setup;
use crate::load::client::Client;
use crate::load::handshake::Target;
use crate::load::meter::Start;
use crate::load::{Figures, Options, Process, Quantiles, frame};

/// A client that is not in again after this time has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// All connections are reset, and all clients come back at once.
///
/// # Errors
///
/// If a client does not get in for the first time.
pub(in crate::load) async fn cut(options: &Options) -> io::Result<Figures> {
    let target = setup::target(options);
    let connected = setup::connect(options, 0..options.connections).await?;
    let start = Start::now(Process::new(options.pid))?;
    let begin = Instant::now();
    for client in connected {
        client.cut()?;
    }
    let back = (0..options.connections).map(|number| back(target, number, begin));
    finish(options, &start, back.collect()).await
}

/// The server closes all connections, and each client comes back as soon as it sees that.
///
/// # Errors
///
/// If a client does not get in for the first time.
pub(in crate::load) async fn closed(options: &Options) -> io::Result<Figures> {
    let target = setup::target(options);
    let mut connected = setup::connect(options, 0..options.connections).await?;
    let first = connected.first_mut().ok_or_else(|| io::Error::other("a storm needs clients"))?;
    first.send(&frame::text(r#"42["drop"]"#)).await?;
    let start = Start::now(Process::new(options.pid))?;
    let begin = Instant::now();
    let back = connected.into_iter().enumerate().map(|(number, client)| async move {
        // It ends with an error, and that is what it waits for.
        let _closed = client.idle(Rc::default()).await;
        back(target, number, begin).await
    });
    finish(options, &start, back.collect()).await
}

/// How long after the storm's begin this client was back; nothing if it was not.
async fn back(target: Target, number: usize, begin: Instant) -> Option<(Client, Duration)> {
    let connect = Client::connect(&target, number);
    let client = tokio::time::timeout(PATIENCE, connect).await.ok()?.ok()?;
    Some((client, begin.elapsed()))
}

async fn finish<F>(options: &Options, start: &Start, storm: Vec<F>) -> io::Result<Figures>
where
    F: Future<Output = Option<(Client, Duration)>> + 'static,
{
    let times = Rc::new(RefCell::new(Quantiles::default()));
    let mut tasks: JoinSet<_> = JoinSet::new();
    for client in storm {
        tasks.spawn_local(client);
    }
    let mut standing = Vec::with_capacity(options.connections);
    while let Some(client) = tasks.join_next().await {
        if let Some((client, time)) = client? {
            times.borrow_mut().add(time);
            standing.push(client);
        }
    }
    let mut figures = start.measured(standing.len() as u64)?.figures();
    let mut times = times.borrow_mut();
    figures.set("failures", (options.connections - standing.len()) as f64);
    figures.set("last_ms", times.at(1.0).as_secs_f64() * 1e3);
    times.put(&mut figures, "");
    Ok(figures)
}

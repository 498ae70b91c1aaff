//! Clients that are there before anything is measured.

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::load::client::Client;
use crate::load::handshake::Target;
use crate::load::meter::{Clients, Meter};
use crate::load::{Figures, Options, Process};

/// How many connections are being opened at a time.
const AT_ONCE: usize = 64;

/// Where these options' clients connect to.
pub(super) fn target(options: &Options) -> Target {
    Target { address: options.address, browser: options.browser, spread: options.spread }
}

/// Clients with these numbers, in the namespace `/`, in any order.
///
/// # Errors
///
/// If one does not get in.
pub(super) async fn connect(options: &Options, numbers: Range<usize>) -> io::Result<Vec<Client>> {
    connect_to(target(options), numbers).await
}

/// The clients of each node, which have as many as the next one.
///
/// # Errors
///
/// If there are fewer clients than nodes, or one does not get in.
pub(super) async fn connect_to_each(options: &Options) -> io::Result<Vec<Vec<Client>>> {
    let places = options.places();
    let each = options.connections / places.len();
    if each == 0 {
        return Err(io::Error::other("every node needs a client"));
    }
    let mut all = Vec::new();
    for (node, place) in places.iter().enumerate() {
        let target = Target { address: place.address, ..target(options) };
        all.push(connect_to(target, node * each..(node + 1) * each).await?);
    }
    Ok(all)
}

async fn connect_to(target: Target, numbers: Range<usize>) -> io::Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(numbers.len());
    let mut opening = JoinSet::new();
    for number in numbers {
        if opening.len() == AT_ONCE
            && let Some(client) = opening.join_next().await
        {
            clients.push(client??);
        }
        opening.spawn_local(async move { Client::connect(&target, number).await });
    }
    while let Some(client) = opening.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// Connects clients with these numbers that do nothing but answer pings, from when each of them is there; gives the
/// number of pings that they will have answered.
///
/// # Errors
///
/// If one does not get in.
pub(super) async fn stand(
    options: &Options,
    numbers: Range<usize>,
    clients: &mut Clients,
) -> io::Result<Rc<Cell<u64>>> {
    let (target, number) = (target(options), numbers.len() as u64);
    let (gate, opened, pings) = (Rc::new(Semaphore::new(AT_ONCE)), Rc::new(Meter::default()), Rc::default());
    for number in numbers {
        let (gate, opened, pings) = (gate.clone(), opened.clone(), Rc::clone(&pings));
        clients.spawn(async move {
            let turn = gate.acquire().await.map_err(io::Error::other)?;
            let client = Client::connect(&target, number).await?;
            drop(turn);
            opened.add(1);
            client.idle(pings).await
        });
    }
    clients.during(opened.reach(number)).await?;
    Ok(pings)
}

/// What the server's memory was before something came into it.
#[derive(Debug)]
pub(super) struct Memory {
    server: Process,
    resident_kib: f64,
    heap_kib: f64,
}

impl Memory {
    /// The memory that there is now.
    ///
    /// # Errors
    ///
    /// If there is no such process.
    pub(super) fn now(options: &Options) -> io::Result<Self> {
        let server = Process::new(options.pid);
        Ok(Self { server, resident_kib: server.resident_kib()?, heap_kib: server.heap_kib()? })
    }

    /// Sets `resident_kib` and `heap_kib`, what has come since for each of this many things, and what there is in
    /// all; the first two with a prefix.
    ///
    /// # Errors
    ///
    /// If there is no such process any more.
    pub(super) fn put(&self, figures: &mut Figures, prefix: &str, number: usize) -> io::Result<()> {
        let (resident, heap) = (self.server.resident_kib()?, self.server.heap_kib()?);
        figures
            .set(&format!("{prefix}resident_kib"), (resident - self.resident_kib).max(0.0) / number as f64);
        figures.set(&format!("{prefix}heap_kib"), (heap - self.heap_kib).max(0.0) / number as f64);
        figures.set("resident_kib_all", resident);
        Ok(())
    }
}

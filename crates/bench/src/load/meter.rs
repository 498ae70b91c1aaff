//! What was done in a stretch of time, and what it cost.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Figures, Options, Process, Span};

/// How long the clients are at it before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Counts operations, for all clients of a scenario.
#[derive(Debug, Default)]
pub(super) struct Meter {
    done: Cell<u64>,
    goal: Cell<Option<u64>>,
    reached: Notify,
}

impl Meter {
    /// Adds operations that were done.
    pub(super) fn add(&self, operations: u64) {
        let done = self.done.get() + operations;
        self.done.set(done);
        if self.goal.get().is_some_and(|goal| done >= goal) {
            self.goal.set(None);
            self.reached.notify_one();
        }
    }

    /// How many were done so far.
    pub(super) fn done(&self) -> u64 {
        self.done.get()
    }

    /// Waits until this many were done since the beginning.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped and called again. One task at a time may wait.
    pub(super) async fn reach(&self, goal: u64) {
        while self.done() < goal {
            self.goal.set(Some(goal));
            self.reached.notified().await;
        }
    }
}

/// The tasks of a scenario's clients, which end with it.
#[derive(Debug, Default)]
pub(super) struct Clients(JoinSet<io::Result<()>>);

impl Clients {
    /// Starts a client's task.
    pub(super) fn spawn(&mut self, client: impl Future<Output = io::Result<()>> + 'static) {
        self.0.spawn_local(client);
    }

    /// Waits for something while the clients go on.
    ///
    /// # Errors
    ///
    /// If one of them ends meanwhile.
    pub(super) async fn during<T>(&mut self, what: impl Future<Output = T>) -> io::Result<T> {
        tokio::select! {
            biased;
            ended = self.0.join_next(), if !self.0.is_empty() => {
                ended.expect("there are some")??;
                Err(io::Error::other("a client ended early"))
            }
            result = what => Ok(result),
        }
    }

    /// Counts what the clients do: for some time when they are warm, or up to a number of operations.
    ///
    /// # Errors
    ///
    /// If a client ends meanwhile, or the server is not there any more.
    pub(super) async fn measure(&mut self, meter: &Rc<Meter>, options: &Options) -> io::Result<Measured> {
        let server = Process::new(options.pid);
        match options.span {
            Span::Seconds(seconds) => {
                self.during(tokio::time::sleep(WARM_UP)).await?;
                let (start, before) = (Start::now(server)?, meter.done());
                self.during(tokio::time::sleep(Duration::from_secs_f64(seconds))).await?;
                start.measured(meter.done() - before)
            }
            Span::Operations(operations) => {
                let (start, before) = (Start::now(server)?, meter.done());
                self.during(meter.reach(before + operations)).await?;
                start.measured(meter.done() - before)
            }
        }
    }
}

/// The begin of a stretch of time.
#[derive(Debug)]
pub(super) struct Start {
    servers: Vec<Process>,
    at: Instant,
    server_cpu: Duration,
    own_cpu: Duration,
}

impl Start {
    /// It begins now.
    ///
    /// # Errors
    ///
    /// If the server's process is not there.
    pub(super) fn now(server: Process) -> io::Result<Self> {
        Self::of(vec![server])
    }

    /// It begins now, for several servers together.
    ///
    /// # Errors
    ///
    /// If the process of one is not there.
    pub(super) fn of(servers: Vec<Process>) -> io::Result<Self> {
        let (server_cpu, own_cpu) = (all(&servers)?, Process::own().cpu()?);
        Ok(Self { servers, at: Instant::now(), server_cpu, own_cpu })
    }

    /// It ends now, and this many operations were done.
    ///
    /// # Errors
    ///
    /// If the server's process is not there any more.
    pub(super) fn measured(&self, operations: u64) -> io::Result<Measured> {
        let elapsed = self.at.elapsed();
        let server = all(&self.servers)?.saturating_sub(self.server_cpu);
        let own = Process::own().cpu()?.saturating_sub(self.own_cpu);
        Ok(Measured { operations, elapsed, server, own })
    }
}

/// The processor time of several processes together.
fn all(processes: &[Process]) -> io::Result<Duration> {
    processes.iter().map(|process| process.cpu()).sum()
}

/// What was done and what it cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) operations: u64,
    pub(super) elapsed: Duration,
    /// The server's processor time.
    pub(super) server: Duration,
    /// The generator's.
    pub(super) own: Duration,
}

impl Measured {
    /// The server's processor time for each operation, in microseconds.
    pub(super) fn server_us(&self) -> f64 {
        self.each_us(self.server)
    }

    /// How many operations there were in a second.
    pub(super) fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// As figures; `server_us` and `generator_us` are for each operation, the shares are of one processor.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        figures.set("operations", self.operations as f64);
        figures.set("per_second", self.per_second());
        figures.set("server_us", self.server_us());
        figures.set("generator_us", self.each_us(self.own));
        figures.set("server_share", self.server.as_secs_f64() / self.elapsed.as_secs_f64());
        figures.set("generator_share", self.own.as_secs_f64() / self.elapsed.as_secs_f64());
        figures
    }

    fn each_us(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.operations.max(1) as f64
    }
}

//! Events that everybody gets.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::setup::{self, Memory};
use crate::load::client::{Client, PONG, send};
use crate::load::frame;
use crate::load::meter::{Clients, Meter, Start};
use crate::load::{Figures, Options, Process, Quantiles, Span};
use tokio::net::tcp::OwnedWriteHalf;

/// How long a broadcast may take until everybody has it.
const TO_ARRIVE: Duration = Duration::from_secs(30);
/// How long the first of them may take, before it is tried again: nodes may not have heard of one another yet.
const TO_MEET: Duration = Duration::from_secs(1);
/// How often it is tried.
const TRIES: usize = 10;

/// What the delivery of a broadcast to one client costs: the first client has the server emit to the room that all are
/// in, and has as many broadcasts in flight as said. With several nodes it is a client of the first.
///
/// With an engine `engine_us` is its processor time for each broadcast.
///
/// # Errors
///
/// If a client does not get in, gets something else, or misses a broadcast.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let text = "x".repeat(options.size);
    let packet: Rc<[u8]> = format!(r#"42["bcast","{text}"]"#).into_bytes().into();
    let memory = Memory::now(options)?;
    let mut connected = setup::connect_to_each(options).await?;
    let mut figures = Figures::default();
    let members = connected[0].len() as u64;
    memory.put(&mut figures, "", connected[0].len())?;

    let mut clients = Clients::default();
    let meters: Vec<_> = connected.iter().map(|_| Rc::new(Meter::default())).collect();
    let first = connected[0].pop().ok_or_else(|| io::Error::other("a room needs members"))?;
    for (node, meter) in connected.into_iter().zip(&meters) {
        for client in node {
            clients.spawn(member(client, packet.clone(), meter.clone()));
        }
    }
    let (mut reader, writer) = first.split();
    let writer = Rc::new(writer);
    let (pongs, packet_too, meter) = (writer.clone(), packet.clone(), meters[0].clone());
    clients.spawn(async move {
        loop {
            let mut seen = Seen::default();
            reader.read(|packet| seen.see(packet, &packet_too)).await?;
            if seen.ping {
                send(&pongs, PONG).await?;
            }
            meter.add(seen.count()?);
        }
    });
    let frame = frame::text(std::str::from_utf8(&packet).map_err(io::Error::other)?);
    let sender = Sender { writer, frame, meters, members };
    if !options.nodes.is_empty() {
        clients.during(sender.meet()).await??;
    }
    let (found, mut rounds) = clients.during(sender.run(options)).await??;
    figures.extend(&found);
    rounds.put(&mut figures, "round_");
    Ok(figures)
}

async fn member(mut client: Client, packet: Rc<[u8]>, meter: Rc<Meter>) -> io::Result<()> {
    loop {
        let mut seen = Seen::default();
        client.packets(|it| seen.see(it, &packet)).await?;
        meter.add(seen.count()?);
    }
}

/// What a read brought.
#[derive(Default)]
struct Seen {
    right: u64,
    other: Option<Vec<u8>>,
    ping: bool,
}

impl Seen {
    fn see(&mut self, packet: &[u8], right: &[u8]) {
        if packet == right {
            self.right += 1;
        } else if packet == b"2" {
            self.ping = true;
        } else {
            self.other = Some(packet.to_vec());
        }
    }

    fn count(self) -> io::Result<u64> {
        match self.other {
            None => Ok(self.right),
            Some(other) => Err(io::Error::other(format!("unexpected: {}", String::from_utf8_lossy(&other)))),
        }
    }
}

/// Who has the server broadcast.
struct Sender {
    writer: Rc<OwnedWriteHalf>,
    frame: Vec<u8>,
    /// What the clients of each node got.
    meters: Vec<Rc<Meter>>,
    /// How many clients each node has.
    members: u64,
}

impl Sender {
    async fn run(&self, options: &Options) -> io::Result<(Figures, Quantiles)> {
        let mut rounds = Quantiles::default();
        if let Span::Seconds(_) = options.span {
            self.go(options, Until::Time(Instant::now() + Duration::from_secs(1)), &mut rounds).await?;
            rounds = Quantiles::default();
        }
        let all = || self.meters.iter().map(|meter| meter.done()).sum::<u64>();
        let servers = options.places().iter().map(|place| Process::new(place.pid)).collect();
        let engine = options.engine.map(|place| Start::of(Process::new(place.pid).family())).transpose()?;
        let (start, before) = (Start::of(servers)?, all());
        let until = match options.span {
            Span::Seconds(seconds) => Until::Time(Instant::now() + Duration::from_secs_f64(seconds)),
            Span::Operations(deliveries) => Until::Broadcasts(deliveries.div_ceil(self.everybody())),
        };
        self.go(options, until, &mut rounds).await?;
        let mut figures = start.measured(all() - before)?.figures();
        if let Some(engine) = engine {
            let broadcasts = (all() - before) / self.everybody();
            figures.set("engine_us", engine.measured(broadcasts)?.server_us());
        }
        Ok((figures, rounds))
    }

    /// How many clients there are.
    fn everybody(&self) -> u64 {
        self.members * self.meters.len() as u64
    }

    /// Broadcasts until one reaches the clients of all nodes.
    async fn meet(&self) -> io::Result<()> {
        for _ in 0..TRIES {
            let base = self.done();
            send(&self.writer, &self.frame).await?;
            if tokio::time::timeout(TO_MEET, self.reach(&base, 1)).await.is_ok() {
                return Ok(());
            }
            // What comes late is not to be taken for the next.
            tokio::time::sleep(TO_MEET).await;
        }
        Err(io::Error::other("broadcasts do not reach every node"))
    }

    /// Broadcasts, and returns when every client got all of them.
    async fn go(&self, options: &Options, until: Until, rounds: &mut Quantiles) -> io::Result<()> {
        let (base, in_flight) = (self.done(), options.in_flight as u64);
        let mut begun = std::collections::VecDeque::new();
        let mut sent = 0;
        while until.goes_on(sent) {
            while sent < self.everywhere(&base) + in_flight && until.goes_on(sent) {
                send(&self.writer, &self.frame).await?;
                begun.push_back(Instant::now());
                sent += 1;
            }
            // The oldest of those in flight is due next.
            let oldest = sent - begun.len() as u64 + 1;
            self.arrive(&base, oldest).await?;
            rounds.add(begun.pop_front().map_or(Duration::ZERO, |since| since.elapsed()));
        }
        self.arrive(&base, sent).await
    }

    /// What the clients of each node got so far.
    fn done(&self) -> Vec<u64> {
        self.meters.iter().map(|meter| meter.done()).collect()
    }

    /// How many broadcasts all clients got since then.
    fn everywhere(&self, base: &[u64]) -> u64 {
        let each = self.meters.iter().zip(base).map(|(meter, base)| (meter.done() - base) / self.members);
        each.min().unwrap_or_default()
    }

    /// Waits until all clients got so many since then.
    async fn reach(&self, base: &[u64], broadcasts: u64) {
        for (meter, base) in self.meters.iter().zip(base) {
            meter.reach(base + broadcasts * self.members).await;
        }
    }

    async fn arrive(&self, base: &[u64], broadcasts: u64) -> io::Result<()> {
        let all = tokio::time::timeout(TO_ARRIVE, self.reach(base, broadcasts)).await;
        all.map_err(|_| io::Error::other("a broadcast did not reach everybody"))
    }
}

/// When broadcasting ends.
#[derive(Clone, Copy)]
enum Until {
    Time(Instant),
    Broadcasts(u64),
}

impl Until {
    fn goes_on(self, sent: u64) -> bool {
        match self {
            Self::Time(end) => Instant::now() < end,
            Self::Broadcasts(number) => sent < number,
        }
    }
}

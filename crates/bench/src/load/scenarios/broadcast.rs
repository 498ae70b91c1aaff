//! Events that everybody gets.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::setup::{self, Memory};
use crate::load::client::{Client, PONG, send};
use crate::load::frame;
use crate::load::meter::{Clients, Measured, Meter, Start};
use crate::load::{Figures, Options, Process, Quantiles, Span};
use tokio::net::tcp::OwnedWriteHalf;

/// What the delivery of a broadcast to one client costs: the first client has the server emit to the room that all are
/// in, and has as many broadcasts in flight as said.
///
/// # Errors
///
/// If a client does not get in, or gets something else.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let text = "x".repeat(options.size);
    let packet: Rc<[u8]> = format!(r#"42["bcast","{text}"]"#).into_bytes().into();
    let memory = Memory::now(options)?;
    let mut connected = setup::connect(options, 0..options.connections).await?;
    let mut figures = Figures::default();
    memory.put(&mut figures, "", options.connections)?;

    let (meter, mut clients) = (Rc::new(Meter::default()), Clients::default());
    let first = connected.pop().ok_or_else(|| io::Error::other("a room needs members"))?;
    for client in connected {
        clients.spawn(member(client, packet.clone(), meter.clone()));
    }
    let (mut reader, writer) = first.split();
    let writer = Rc::new(writer);
    let (pongs, packet_too, meter_too) = (writer.clone(), packet.clone(), meter.clone());
    clients.spawn(async move {
        loop {
            let mut seen = Seen::default();
            reader.read(|packet| seen.see(packet, &packet_too)).await?;
            if seen.ping {
                send(&pongs, PONG).await?;
            }
            meter_too.add(seen.count()?);
        }
    });
    let sender =
        Sender { writer, frame: frame::text(std::str::from_utf8(&packet).map_err(io::Error::other)?), meter };
    let (measured, mut rounds) = clients.during(sender.run(options)).await??;
    figures.extend(&measured.figures());
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
    meter: Rc<Meter>,
}

impl Sender {
    async fn run(&self, options: &Options) -> io::Result<(Measured, Quantiles)> {
        let server = Process::new(options.pid);
        let mut rounds = Quantiles::default();
        if let Span::Seconds(_) = options.span {
            self.go(options, Until::Time(Instant::now() + Duration::from_secs(1)), &mut rounds).await?;
            rounds = Quantiles::default();
        }
        let (start, before) = (Start::now(server)?, self.meter.done());
        let until = match options.span {
            Span::Seconds(seconds) => Until::Time(Instant::now() + Duration::from_secs_f64(seconds)),
            Span::Operations(deliveries) => {
                Until::Broadcasts(deliveries.div_ceil(options.connections as u64))
            }
        };
        self.go(options, until, &mut rounds).await?;
        Ok((start.measured(self.meter.done() - before)?, rounds))
    }

    /// Broadcasts, and returns when every client got all of them.
    async fn go(&self, options: &Options, until: Until, rounds: &mut Quantiles) -> io::Result<()> {
        let (members, base) = (options.connections as u64, self.meter.done());
        let in_flight = options.in_flight as u64;
        let mut begun = std::collections::VecDeque::new();
        let mut sent = 0;
        while until.goes_on(sent) {
            while sent < (self.meter.done() - base) / members + in_flight && until.goes_on(sent) {
                send(&self.writer, &self.frame).await?;
                begun.push_back(Instant::now());
                sent += 1;
            }
            // The oldest of those in flight is due next.
            let oldest = sent - begun.len() as u64 + 1;
            self.meter.reach(base + oldest * members).await;
            rounds.add(begun.pop_front().map_or(Duration::ZERO, |since| since.elapsed()));
        }
        self.meter.reach(base + sent * members).await;
        Ok(())
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

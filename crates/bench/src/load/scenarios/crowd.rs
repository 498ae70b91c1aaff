//! Broadcasts to a room which others join and leave.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::pace::Pace;
use super::setup;
use crate::load::client::{Client, PONG, send};
use crate::load::meter::{Clients, Measured, Meter, Start};
use crate::load::{Figures, Options, Process, Quantiles, Span, frame};

/// How many broadcasts there are in a second: with 10 000 members some half of what a server can do on one processor.
const SHOUTS: f64 = 5.0;

/// What a delivery costs with and without others that join and leave, and how long a join takes with and without
/// broadcasts.
///
/// As many sockets as the rate says join in a second, each of them once, and leave half a second later. A join's time
/// counts from when it was due until its acknowledgement is there; `call_` figures are what the server says that the
/// call of `join` itself took.
///
/// # Errors
///
/// If a client does not get in, or is lost.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a number of clients")]
    let joiners = options.rate.max(1.0) as usize;
    let mut clients = Clients::default();
    let meter = Rc::new(Meter::default());
    let mut members = setup::connect(options, 0..options.connections).await?;
    for client in &mut members {
        client.ask(r#"["join",["crowd"]]"#).await?;
    }
    for client in members {
        clients.spawn(member(client, meter.clone()));
    }
    let crowd = Rc::new(Crowd::default());
    let numbers = options.connections..options.connections + joiners;
    for client in setup::connect(options, numbers).await? {
        let (reader, writer) = client.split();
        let joiner = Rc::new(Joiner { writer, due: RefCell::default() });
        crowd.joiners.borrow_mut().push(joiner.clone());
        clients.spawn(answers(reader, joiner, crowd.clone()));
    }
    let mut shouter = setup::connect(options, numbers_end(options, joiners)).await?;
    let (reader, shouter) = shouter.pop().ok_or_else(|| io::Error::other("nobody shouts"))?.split();
    let shouter = Rc::new(shouter);
    clients.spawn(listen(reader, shouter.clone()));

    let stage = Stage { options, meter, crowd, shouter };
    let mut figures = Figures::default();
    let quiet = clients.during(stage.phase(true, false)).await??;
    stage.crowd.put(&mut figures, "quiet_");
    let alone = clients.during(stage.phase(false, true)).await??;
    let both = clients.during(stage.phase(true, true)).await??;
    figures.extend(&both.cost.figures());
    stage.crowd.put(&mut figures, "");
    // What the joins cost is taken off, as they cost it in the quiet.
    let joins = quiet.cost.server_us() * both.joins as f64;
    let deliveries = both.cost.server.as_secs_f64().mul_add(1e6, -joins) / both.deliveries.max(1) as f64;
    figures.set("join_us", quiet.cost.server_us());
    figures.set("delivery_us", deliveries.max(0.0));
    figures.set("alone_delivery_us", alone.cost.server_us());
    figures.set("joins", both.joins as f64);
    figures.set("deliveries", both.deliveries as f64);
    Ok(figures)
}

fn numbers_end(options: &Options, joiners: usize) -> std::ops::Range<usize> {
    let last = options.connections + joiners;
    last..last + 1
}

/// What happens during one phase.
struct Phase {
    cost: Measured,
    joins: u64,
    deliveries: u64,
}

/// What all phases use.
struct Stage<'a> {
    options: &'a Options,
    /// Counts what members are delivered.
    meter: Rc<Meter>,
    crowd: Rc<Crowd>,
    shouter: Rc<OwnedWriteHalf>,
}

impl Stage<'_> {
    /// Lets others join, or shouts, or both, until the span is over and everything is answered.
    async fn phase(&self, joining: bool, shouting: bool) -> io::Result<Phase> {
        let Self { options, meter, crowd, shouter } = self;
        crowd.reset();
        let (start, before) = (Start::now(Process::new(options.pid))?, meter.done());
        let (joins, shouts) = match options.span {
            Span::Seconds(seconds) => (options.rate * seconds, SHOUTS * seconds),
            Span::Operations(number) => (number as f64, (number as f64 / 10.0).ceil()),
        };
        let join = async {
            if joining {
                crowd.join(options.rate, joins).await?;
            }
            io::Result::Ok(())
        };
        let shout = async {
            if shouting {
                let text = "x".repeat(options.size);
                let shout = frame::text(&format!(r#"42["to","crowd","{text}"]"#));
                let mut pace =
                    Pace::new(if let Span::Seconds(_) = options.span { SHOUTS } else { f64::INFINITY });
                let mut shouted = 0_u32;
                while f64::from(shouted) < shouts {
                    pace.next().await;
                    send(shouter, &shout).await?;
                    shouted += 1;
                }
                meter.reach(before + u64::from(shouted) * options.connections as u64).await;
            }
            io::Result::Ok(())
        };
        tokio::try_join!(join, shout)?;
        let deliveries = meter.done() - before + crowd.strays.get();
        let joins = crowd.times.borrow().len() as u64;
        let cost = start.measured(if shouting { deliveries } else { joins })?;
        Ok(Phase { cost, joins, deliveries })
    }
}

/// Those who join and leave.
#[derive(Default)]
struct Crowd {
    joiners: RefCell<Vec<Rc<Joiner>>>,
    /// How long joins took.
    times: RefCell<Quantiles>,
    /// How long the calls took, as the server says.
    calls: RefCell<Quantiles>,
    /// What joiners are delivered while they are in.
    strays: Cell<u64>,
    answers: Meter,
}

struct Joiner {
    writer: OwnedWriteHalf,
    /// When the joins that are under way were due.
    due: RefCell<VecDeque<Instant>>,
}

impl Crowd {
    fn reset(&self) {
        self.times.take();
        self.calls.take();
        self.strays.set(0);
    }

    /// Joins this many times at this rate; each leaves when half of all others have joined, and all do in the end.
    async fn join(&self, rate: f64, number: f64) -> io::Result<()> {
        let joiners = self.joiners.borrow().clone();
        let (join, leave) =
            (frame::text(r#"421["join",["crowd"]]"#), frame::text(r#"422["leave",["crowd"]]"#));
        let half = joiners.len().div_ceil(2);
        let mut pace = Pace::new(rate);
        let before = self.answers.done();
        let (mut joined, mut left) = (0, 0);
        while (joined as f64) < number {
            let due = pace.next().await;
            let joiner = &joiners[joined % joiners.len()];
            joiner.due.borrow_mut().push_back(due);
            send(&joiner.writer, &join).await?;
            joined += 1;
            if joined - left > half {
                send(&joiners[left % joiners.len()].writer, &leave).await?;
                left += 1;
            }
        }
        while left < joined {
            send(&joiners[left % joiners.len()].writer, &leave).await?;
            left += 1;
        }
        self.answers.reach(before + (joined + left) as u64).await;
        Ok(())
    }

    fn put(&self, figures: &mut Figures, prefix: &str) {
        self.times.borrow_mut().put(figures, prefix);
        self.calls.borrow_mut().put(figures, &format!("{prefix}call_"));
    }
}

/// Hears what a joiner is told.
async fn answers(mut reader: Client<OwnedReadHalf>, joiner: Rc<Joiner>, crowd: Rc<Crowd>) -> io::Result<()> {
    loop {
        let mut ping = false;
        reader
            .read(|packet| {
                if let Some(nanoseconds) = packet.strip_prefix(b"431[") {
                    if let Some(due) = joiner.due.borrow_mut().pop_front() {
                        crowd.times.borrow_mut().add(due.elapsed());
                    }
                    let digits = nanoseconds.iter().take_while(|byte| byte.is_ascii_digit());
                    let call =
                        digits.fold(0, |call: u64, byte| call.saturating_mul(10) + u64::from(byte - b'0'));
                    crowd.calls.borrow_mut().add(Duration::from_nanos(call));
                    crowd.answers.add(1);
                } else if packet.starts_with(b"432[") {
                    crowd.answers.add(1);
                } else if packet == b"2" {
                    ping = true;
                } else {
                    crowd.strays.set(crowd.strays.get() + 1);
                }
            })
            .await?;
        if ping {
            send(&joiner.writer, PONG).await?;
        }
    }
}

async fn member(mut client: Client, meter: Rc<Meter>) -> io::Result<()> {
    loop {
        let mut delivered = 0;
        client.packets(|_| delivered += 1).await?;
        meter.add(delivered);
    }
}

async fn listen(mut reader: Client<OwnedReadHalf>, writer: Rc<OwnedWriteHalf>) -> io::Result<()> {
    loop {
        let mut ping = false;
        reader.read(|packet| ping |= packet == b"2").await?;
        if ping {
            send(&writer, PONG).await?;
        }
    }
}

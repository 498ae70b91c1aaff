//! Echoes at a fixed rate.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::pace::Pace;
use super::setup;
use crate::load::client::{Client, PONG, send};
use crate::load::frame;
use crate::load::meter::{Clients, Meter};
use crate::load::{Figures, Options, Quantiles};

/// How long an echo takes from the moment when it was due, at a rate that does not wait for the server: if the server
/// stands still, those that were due meanwhile are late, too.
///
/// `late_p99_us` and its like say by how much the generator itself was late to send.
///
/// # Errors
///
/// If a client does not get in, or gets something else.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let packet = format!(r#"42["echo","{}"]"#, "x".repeat(options.size));
    let (meter, mut clients) = (Rc::new(Meter::default()), Clients::default());
    let times: Rc<RefCell<Vec<Duration>>> = Rc::default();
    let mut writers = Vec::new();
    for client in setup::connect(options, 0..options.connections).await? {
        let (reader, writer) = client.split();
        let line = Rc::new(Line { writer, due: RefCell::default() });
        writers.push(line.clone());
        let (packet, meter, times) = (packet.clone(), meter.clone(), times.clone());
        clients.spawn(answers(reader, line, packet, meter, times));
    }
    let (frame, rate) = (frame::text(&packet), options.rate);
    let late = Rc::new(RefCell::new(Quantiles::default()));
    let late_too = late.clone();
    clients.spawn(async move {
        let mut pace = Pace::new(rate);
        for line in writers.iter().cycle() {
            let due = pace.next().await;
            late_too.borrow_mut().add(due.elapsed());
            line.due.borrow_mut().push_back(due);
            send(&line.writer, &frame).await?;
        }
        Ok(())
    });
    let measured = clients.measure(&meter, options).await?;
    let mut figures = measured.figures();
    let (mut all, times) = (Quantiles::default(), times.borrow());
    // Those before are of the time to warm up.
    let counted = usize::try_from(measured.operations).map_err(io::Error::other)?;
    times.iter().rev().take(counted).for_each(|time| all.add(*time));
    figures.set("rate", rate);
    all.put(&mut figures, "");
    late.borrow_mut().put(&mut figures, "late_");
    Ok(figures)
}

/// A connection's half that writes, and when the events that are under way were due.
struct Line {
    writer: OwnedWriteHalf,
    due: RefCell<VecDeque<Instant>>,
}

async fn answers(
    mut reader: Client<OwnedReadHalf>,
    line: Rc<Line>,
    packet: String,
    meter: Rc<Meter>,
    times: Rc<RefCell<Vec<Duration>>>,
) -> io::Result<()> {
    loop {
        let (mut answers, mut ping, mut other) = (0, false, false);
        let see = |it: &[u8]| match it {
            b"2" => ping = true,
            echo if echo == packet.as_bytes() => answers += 1,
            _ => other = true,
        };
        reader.read(see).await?;
        if ping {
            send(&line.writer, PONG).await?;
        }
        if other {
            return Err(io::Error::other("an answer that was not asked for"));
        }
        let now = Instant::now();
        for _ in 0..answers {
            let due = line.due.borrow_mut().pop_front();
            let due = due.ok_or_else(|| io::Error::other("more answers than events"))?;
            times.borrow_mut().push(now.saturating_duration_since(due));
        }
        meter.add(answers);
    }
}

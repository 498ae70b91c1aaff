//! Events that are answered, a fixed number of them in flight on each connection.

use std::cell::RefCell;
use std::fmt::Write;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::setup::{self, Memory};
use crate::load::client::{Client, prefix};
use crate::load::frame;
use crate::load::meter::{Clients, Meter};
use crate::load::{Figures, Options, Quantiles};

/// Of so many answers one is timed.
const TIMED: u64 = 8;

/// `echo` in the last namespace that each client entered, which the server emits back.
///
/// # Errors
///
/// If a client does not get in, or gets something else.
pub(in crate::load) async fn echo(options: &Options) -> io::Result<Figures> {
    let namespace = match options.namespaces {
        0 => "/".to_owned(),
        several => format!("/n{}", several - 1),
    };
    let packet = format!(r#"42{}["echo","{}"]"#, prefix(&namespace), "x".repeat(options.size));
    exchange(options, &Exchange::new(&packet, packet.as_bytes())).await
}

/// `ack`, which the server acknowledges with the same text.
///
/// # Errors
///
/// If a client does not get in, or gets something else.
pub(in crate::load) async fn ack(options: &Options) -> io::Result<Figures> {
    let text = "x".repeat(options.size);
    let exchanged = Exchange::new(&format!(r#"421["ack","{text}"]"#), format!(r#"431["{text}"]"#).as_bytes());
    exchange(options, &exchanged).await
}

/// `sum` of a list of numbers as long as the size in bytes, which the server acknowledges with their sum.
///
/// # Errors
///
/// If a client does not get in, or gets something else.
pub(in crate::load) async fn sum(options: &Options) -> io::Result<Figures> {
    let (mut list, mut sum) = (String::from("0"), 0.0);
    for number in 1_u32.. {
        if list.len() >= options.size {
            break;
        }
        // Quarters are exact, so the sum is too.
        let value = f64::from(number) + 0.25;
        sum += value;
        write!(list, ",{value}").map_err(io::Error::other)?;
    }
    let answer = format!("431[{}]", serde_json::Value::from(sum));
    exchange(options, &Exchange::new(&format!(r#"421["sum",[{list}]]"#), answer.as_bytes())).await
}

/// What a client sends, and what it must get for it.
#[derive(Debug)]
pub(super) struct Exchange {
    frame: Vec<u8>,
    answer: Rc<[u8]>,
}

impl Exchange {
    pub(super) fn new(packet: &str, answer: &[u8]) -> Self {
        Self { frame: frame::text(packet), answer: answer.into() }
    }

    /// Lets clients exchange until it is measured.
    ///
    /// # Errors
    ///
    /// If a client gets something else.
    pub(super) async fn measure(
        &self,
        options: &Options,
        connected: Vec<Client>,
        clients: &mut Clients,
    ) -> io::Result<Figures> {
        let meter = Rc::new(Meter::default());
        let times = Rc::new(RefCell::new(Quantiles::default()));
        let frames: Rc<[u8]> = self.frame.repeat(options.in_flight).into();
        for client in connected {
            let work = Work {
                client,
                frames: frames.clone(),
                length: self.frame.len(),
                answer: self.answer.clone(),
                meter: meter.clone(),
                times: times.clone(),
            };
            clients.spawn(work.run());
        }
        let mut figures = clients.measure(&meter, options).await?.figures();
        times.borrow_mut().put(&mut figures, "");
        Ok(figures)
    }
}

async fn exchange(options: &Options, exchanged: &Exchange) -> io::Result<Figures> {
    let mut clients = Clients::default();
    let mut figures = Figures::default();
    if options.idle > 0 {
        let memory = Memory::now(options)?;
        let numbers = options.connections..options.connections + options.idle;
        setup::stand(options, numbers, &mut clients).await?;
        memory.put(&mut figures, "idle_", options.idle)?;
    }
    let memory = Memory::now(options)?;
    let mut connected = setup::connect(options, 0..options.connections).await?;
    for client in &mut connected {
        for number in 0..options.namespaces {
            client.enter(&format!("/n{number}")).await?;
        }
    }
    if options.namespaces > 0 {
        memory.put(&mut figures, "", options.connections)?;
    }
    figures.extend(&exchanged.measure(options, connected, &mut clients).await?);
    Ok(figures)
}

/// One client at work.
struct Work {
    client: Client,
    /// As many as may be in flight.
    frames: Rc<[u8]>,
    /// How long one of them is.
    length: usize,
    answer: Rc<[u8]>,
    meter: Rc<Meter>,
    times: Rc<RefCell<Quantiles>>,
}

impl Work {
    async fn run(mut self) -> io::Result<()> {
        let in_flight = self.frames.len() / self.length;
        let mut timed = Some((in_flight as u64, Instant::now()));
        self.client.send(&self.frames).await?;
        let mut answered = 0;
        loop {
            let (mut answers, mut other) = (0, None);
            let right = &*self.answer;
            self.client
                .packets(|packet| if packet == right { answers += 1 } else { other = Some(packet.to_vec()) })
                .await?;
            if let Some(other) = other {
                return Err(io::Error::other(format!("unexpected: {}", String::from_utf8_lossy(&other))));
            }
            answered += answers as u64;
            self.meter.add(answers as u64);
            if let Some((last, since)) = timed
                && answered >= last
            {
                self.times.borrow_mut().add(since.elapsed());
                timed = None;
            }
            if answers == 0 {
                continue;
            }
            if timed.is_none() && answered / TIMED != (answered - answers as u64) / TIMED {
                timed = Some((answered + in_flight as u64, Instant::now()));
            }
            let frames = self.frames.get(..answers * self.length);
            self.client.send(frames.ok_or_else(|| io::Error::other("more answers than events"))?).await?;
        }
    }
}

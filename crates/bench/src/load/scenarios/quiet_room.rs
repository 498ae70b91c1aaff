//! Broadcasts to a room that nobody at the other nodes is in.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::pace::Pace;
use super::setup;
use crate::load::client::{Client, PONG, send};
use crate::load::engine::{Engine, each_us};
use crate::load::frame;
use crate::load::meter::{Clients, Meter, Start};
use crate::load::{Figures, Options, Process, Span};

/// The room, whose only member has the server emit to it.
const ROOM: &str = "quiet";
/// How long is waited for what may still be under way.
const REST: Duration = Duration::from_millis(300);
/// How long all broadcasts may take to arrive once the last is sent.
const TO_ARRIVE: Duration = Duration::from_secs(20);

/// What a broadcast costs that only its sender, at the first node, gets: bytes into and out of Redis, its processor time,
/// that of the first node and that of another.
///
/// Broadcasts are begun at a rate: nothing shows when the other nodes are done with one.
///
/// # Errors
///
/// If a client does not get in, or gets something else.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let mut engine = Engine::connect(options).await?;
    let mut connected: Vec<_> = setup::connect_to_each(options).await?.into_iter().flatten().collect();
    let mut first = connected.swap_remove(0);
    first.ask(&format!(r#"["join",["{ROOM}"]]"#)).await?;
    let (meter, mut clients) = (Rc::new(Meter::default()), Clients::default());
    for client in connected {
        clients.spawn(stranger(client));
    }
    let text = "x".repeat(options.size);
    let expected = format!(r#"42["bcast","{text}"]"#);
    let (mut reader, writer) = first.split();
    let writer = Rc::new(writer);
    let (pongs, got) = (writer.clone(), meter.clone());
    clients.spawn(async move {
        loop {
            let (mut right, mut ping, mut other) = (0, false, false);
            let see = |packet: &[u8]| match packet {
                b"2" => ping = true,
                packet if packet == expected.as_bytes() => right += 1,
                _ => other = true,
            };
            reader.read(see).await?;
            if ping {
                send(&pongs, PONG).await?;
            }
            if other {
                return Err(io::Error::other("a packet that was not asked for"));
            }
            got.add(right);
        }
    });
    let event = frame::text(&format!(r#"42["to","{ROOM}","{text}"]"#));
    let broadcasts = async |number: u64| -> io::Result<()> {
        let (mut pace, before) = (Pace::new(options.rate), meter.done());
        for _ in 0..number {
            pace.next().await;
            send(&writer, &event).await?;
        }
        let all = tokio::time::timeout(TO_ARRIVE, meter.reach(before + number)).await;
        all.map_err(|_| io::Error::other("a broadcast did not arrive"))?;
        // What goes to the other nodes may still be under way.
        tokio::time::sleep(REST).await;
        Ok(())
    };
    let per_second = whole(options.rate);
    let number = match options.span {
        Span::Operations(number) => number,
        Span::Seconds(seconds) => {
            clients.during(broadcasts(per_second)).await??;
            whole(options.rate * seconds)
        }
    };
    let nodes: Vec<_> = options.places().iter().map(|place| Process::new(place.pid)).collect();
    let (sender, quiet) = (Start::now(nodes[0])?, Start::of(nodes[1..].to_vec())?);
    let redis = Start::now(engine.process())?;
    // Asking is traffic, too: as much of it as between these two is in what comes after.
    let before = engine.traffic().await?;
    let start = engine.traffic().await?;
    clients.during(broadcasts(number)).await??;
    let traffic = engine.traffic().await?.since(start).since(start.since(before));

    let each = |start: &Start| Ok::<_, io::Error>(each_us(start.measured(number)?.server, number));
    let mut figures = Figures::default();
    figures.set("operations", number as f64);
    figures.set("rate", options.rate);
    figures.set("server_us", each(&sender)?);
    figures.set("quiet_us", each(&quiet)? / options.nodes.len().max(1) as f64);
    figures.set("redis_us", each(&redis)?);
    let bytes = |bytes: u64| bytes as f64 / number as f64;
    figures.set("in_bytes", bytes(traffic.incoming));
    figures.set("out_bytes", bytes(traffic.outgoing));
    figures.set("bytes", bytes(traffic.incoming + traffic.outgoing));
    Ok(figures)
}

/// A client that is in other rooms.
async fn stranger(mut client: Client) -> io::Result<()> {
    let mut packets = 0;
    while packets == 0 {
        client.packets(|_| packets += 1).await?;
    }
    Err(io::Error::other("a packet for another room"))
}

/// At least one.
fn whole(number: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at least 1")]
    let whole = number.max(1.0) as u64;
    whole
}

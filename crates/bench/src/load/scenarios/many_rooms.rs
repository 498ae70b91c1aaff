//! A socket that joins very many rooms at a node of a cluster.

use std::io;
use std::time::{Duration, Instant};

use super::setup::{self, Memory};
use crate::load::client::Client;
use crate::load::engine::Engine;
use crate::load::meter::Start;
use crate::load::{Figures, Options, Process};

/// How many rooms each of several calls joins.
const EACH: usize = 100;
/// How long Redis may take to hear of all rooms.
const TO_SETTLE: Duration = Duration::from_secs(60);
/// How often Redis is asked meanwhile.
const ASK: Duration = Duration::from_millis(5);
/// How long is waited for what may still be done when the last channel is there.
const REST: Duration = Duration::from_millis(200);

/// What it costs to join many rooms, with one call and, by another client and with other rooms, with many calls.
///
/// `join_ms` is the time in the call or calls, `settled_ms` that until Redis knows the last channel; `server_ms` and
/// `redis_ms` are processor time until then and a little longer. Those of many calls begin with `calls_`.
///
/// # Errors
///
/// If a client does not get in, or Redis does not hear of all rooms.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let mut engine = Engine::connect(options).await?;
    let mut figures = Figures::default();
    figures.set("rooms", options.rooms as f64);
    for (letter, prefix, each) in [('a', "", options.rooms), ('b', "calls_", EACH)] {
        let rooms: Vec<String> = (0..options.rooms).map(|room| format!("{letter}{room}")).collect();
        let connected = setup::connect(options, 0..1).await?.pop();
        let mut client = connected.ok_or_else(|| io::Error::other("one client is needed"))?;
        // Its own rooms may have brought channels, too.
        tokio::time::sleep(REST).await;
        let memory = (Memory::now(options)?, engine.process().resident_kib()?);
        join(options, &mut client, &mut engine, &rooms, each, &mut figures, prefix).await?;
        memory.0.put(&mut figures, prefix, options.rooms)?;
        let redis = (engine.process().resident_kib()? - memory.1).max(0.0);
        figures.set(&format!("{prefix}redis_kib"), redis / options.rooms as f64);
    }
    Ok(figures)
}

async fn join(
    options: &Options,
    client: &mut Client,
    engine: &mut Engine,
    rooms: &[String],
    each: usize,
    figures: &mut Figures,
    prefix: &str,
) -> io::Result<()> {
    let events: Result<Vec<_>, _> = rooms
        .chunks(each.max(1))
        .map(|rooms| Ok::<_, io::Error>(format!(r#"["join",{}]"#, serde_json::to_string(rooms)?)))
        .collect();
    let (events, expected) = (events?, engine.channels().await? + rooms.len() as u64);
    let server = Start::now(Process::new(options.pid))?;
    let (redis, begun, mut inside) = (Start::now(engine.process())?, Instant::now(), 0.0);
    for event in &events {
        inside += client.ask(event).await?.parse::<f64>().map_err(io::Error::other)?;
    }
    while options.channels && engine.channels().await? < expected {
        if begun.elapsed() > TO_SETTLE {
            return Err(io::Error::other("Redis did not hear of all rooms"));
        }
        tokio::time::sleep(ASK).await;
    }
    let settled = begun.elapsed();
    tokio::time::sleep(REST).await;
    let (server, redis) = (server.measured(1)?.server, redis.measured(1)?.server);
    figures.set(&format!("{prefix}join_ms"), inside / 1e6);
    for (name, time) in [("settled_ms", settled), ("server_ms", server), ("redis_ms", redis)] {
        figures.set(&format!("{prefix}{name}"), time.as_secs_f64() * 1e3);
    }
    Ok(())
}

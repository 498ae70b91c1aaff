//! Sockets that are in many rooms.

use std::io;

use super::exchange::Exchange;
use super::setup::{self, Memory};
use crate::TURNS;
use crate::load::meter::Clients;
use crate::load::{Figures, Options};

/// What it costs to leave and join a room for a socket that is in many, and the memory of each socket in each room.
///
/// All clients are in the same rooms `m0`, `m1` and so on, which they leave and join in turn. `turn_us` is the
/// server's processor time for one leave and one join, the event that causes [`TURNS`] of them included.
///
/// # Errors
///
/// If a client does not get in, or is not told that it was done.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let rooms: Vec<String> = (0..options.rooms).map(|room| format!("m{room}")).collect();
    let join = format!(r#"["join",{}]"#, serde_json::to_string(&rooms)?);
    let mut connected = setup::connect(options, 0..options.connections).await?;
    let memory = Memory::now(options)?;
    for client in &mut connected {
        client.ask(&join).await?;
    }
    let mut figures = Figures::default();
    memory.put(&mut figures, "", options.connections * options.rooms)?;
    let (event, answer) = (format!(r#"421["turns",{}]"#, options.rooms), format!("431[{}]", options.rooms));
    let exchange = Exchange::new(&event, answer.as_bytes());
    figures.extend(&exchange.measure(options, connected, &mut Clients::default()).await?);
    let event = figures.get("server_us").unwrap_or_default();
    figures.set("turn_us", event / TURNS as f64);
    Ok(figures)
}

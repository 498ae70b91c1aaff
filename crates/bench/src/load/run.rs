//! One scenario by its name.

use std::io;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::scenarios::{
    broadcast, churn, crowd, exchange, idle, latency, many_rooms, polling, quiet_room, rooms, storm,
};
use super::{Figures, Options};

/// Every scenario, with what it does.
pub const SCENARIOS: [(&str, &str); 14] = [
    (
        "idle",
        "connections that do nothing: what opening them costs, and the memory and the heartbeats of each",
    ),
    ("churn", "clients that connect and leave again at once"),
    ("echo", "events that come back, as many in flight as said, in the last namespace entered"),
    ("ack", "events that are acknowledged"),
    ("sum", "lists of numbers, to be added up: more work for the server than for the generator"),
    ("broadcast", "events that everybody gets, at all nodes of a cluster if there are several"),
    ("polling", "events that come back, over HTTP long-polling"),
    ("latency", "echoes at a fixed rate, whose time counts from when they were due"),
    ("rooms", "sockets in many rooms that leave and join them"),
    ("storm", "clients that were all cut off and connect again at once"),
    ("storm_closed", "clients that the server has closed and that connect again at once"),
    ("crowd", "broadcasts to a room which others join and leave"),
    ("many_rooms", "joining many rooms, at one node of a cluster over Redis"),
    ("quiet_room", "broadcasts to a room that nobody at the other nodes of a cluster over Redis is in"),
];

/// Runs a scenario on this thread until it is over.
///
/// # Errors
///
/// If there is no such scenario, a connection fails that must not, or a reply is not what it must be.
pub fn run(options: &Options) -> io::Result<Figures> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, scenario(options))
}

async fn scenario(options: &Options) -> io::Result<Figures> {
    match &*options.scenario {
        "idle" => idle::run(options).await,
        "churn" => churn::run(options).await,
        "echo" => exchange::echo(options).await,
        "ack" => exchange::ack(options).await,
        "sum" => exchange::sum(options).await,
        "broadcast" => broadcast::run(options).await,
        "polling" => polling::run(options).await,
        "latency" => latency::run(options).await,
        "rooms" => rooms::run(options).await,
        "storm" => storm::cut(options).await,
        "storm_closed" => storm::closed(options).await,
        "crowd" => crowd::run(options).await,
        "many_rooms" => many_rooms::run(options).await,
        "quiet_room" => quiet_room::run(options).await,
        other => Err(io::Error::other(format!("there is no scenario {other}"))),
    }
}

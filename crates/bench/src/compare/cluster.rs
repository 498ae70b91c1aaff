//! Several servers that are the nodes of one cluster.

use super::engine::Engine;
use super::server::{Running, Server, processors};
use crate::load::Figures;

type Error = Box<dyn std::error::Error>;

/// Runs a scenario against a cluster of so many nodes, which is started for it together with what is between them.
///
/// If they are to be pinned, nodes and engine have the first processor.
pub(super) async fn load(
    server: Server,
    nodes: usize,
    load: &str,
    serve: &str,
    pinned: bool,
) -> Result<Figures, Error> {
    let adapter = server.adapter().ok_or("it is no node")?;
    let engine =
        Engine::start(adapter.engine(), processors().filter(|_| pinned).map(|[servers, _]| servers)).await?;
    let serve = format!("{serve} --adapter {} --engine {}", adapter.name(), engine.url());
    let mut running = Vec::new();
    for _ in 0..nodes {
        running.push(Running::start(server, &serve, pinned).await?);
    }
    let first = running.first().ok_or("a cluster has a node")?;
    let mut load = format!("{load} {}", engine.load()?);
    for node in &running[1..] {
        load += &format!(" --node {}", node.place());
    }
    if adapter.has_channels() {
        load += " --channels";
    }
    let figures = first.load(&load, pinned).await;
    for node in running {
        node.end().await?;
    }
    drop(engine);
    figures
}

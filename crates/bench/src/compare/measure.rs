//! Rounds of every scenario on every server.

use std::collections::HashMap;

use super::cluster;
use super::engine::Kind;
use super::machine::today;
use super::plan::{Planned, Rate, Setup, plan};
use super::server::{Running, Server, most_connections, processors};
use super::{Arguments, rounds, table, this_machine};
use crate::load::Figures;
use crate::results::{Results, Scenario, Series};

type Error = Box<dyn std::error::Error>;

/// Measures, prints a table as it goes, and writes the results after every scenario.
///
/// What the file has of other scenarios stays in it if it comes from this machine. Dropping the future ends what was
/// started.
///
/// # Errors
///
/// If a scenario has no name that there is, or a server failed in it; the results of the rest are written nevertheless.
pub async fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut planned = plan();
    let names: Vec<_> = planned.iter().map(Planned::name).collect();
    if let Some(only) = &arguments.only {
        if let Some(name) = only.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(format!("there is no scenario {name}; there are {}", names.join(", ")).into());
        }
        planned.retain(|it| only.iter().any(|name| it.name() == name));
    }
    let (machine, command) = (this_machine(), arguments.command.clone());
    let mut results = Results { machine, date: today(), command, scenarios: Vec::new() };
    if let Ok(before) = Results::read(&arguments.out)
        && before.machine == results.machine
    {
        results.scenarios = before.scenarios;
    }
    if let Some(directory) = arguments.out.parent() {
        std::fs::create_dir_all(directory)?;
    }
    table::head(&results, processors());
    let mut bench = Bench { arguments, reached: HashMap::new(), failures: Vec::new() };
    for scenario in &planned {
        if scenario.nodes > 0 && !Kind::Redis.is_there() {
            eprintln!("{}: left out, as there is no redis-server here", scenario.name);
            continue;
        }
        let scenario = bench.scenario(scenario).await;
        table::scenario(&scenario);
        rounds::put(&mut results.scenarios, scenario, &names);
        results.save(&arguments.out)?;
    }
    println!("\n{}", arguments.out.display());
    if bench.failures.is_empty() { Ok(()) } else { Err(bench.failures.join("\n").into()) }
}

struct Bench<'a> {
    arguments: &'a Arguments,
    /// How many echoes a server managed in a second.
    reached: HashMap<Server, f64>,
    failures: Vec<String>,
}

impl Bench<'_> {
    async fn scenario(&mut self, planned: &Planned) -> Scenario {
        let servers: Vec<_> = planned.servers.iter().copied().filter(|server| server.is_there()).collect();
        let mut found: HashMap<(Server, usize), Vec<Figures>> = HashMap::new();
        for round in 0..self.arguments.rounds.min(planned.rounds) {
            for (place, setup) in planned.setups.iter().enumerate() {
                if !planned.shared && setup.connections() > most_connections() {
                    let (name, connections) = (planned.name, setup.connections());
                    eprintln!(
                        "{name}: left out with {connections} connections, more than a process may have here"
                    );
                    continue;
                }
                for &server in &servers {
                    match self.once(planned, setup, server, &servers).await {
                        Ok(figures) => found.entry((server, place)).or_default().push(figures),
                        Err(error) => {
                            let x = setup.x.map(|x| format!(" at {x}")).unwrap_or_default();
                            let (name, round) = (planned.name, round + 1);
                            let failure = format!("{name}{x}, {}, round {round}: {error}", server.name());
                            eprintln!("{failure}");
                            self.failures.push(failure);
                        }
                    }
                }
            }
        }
        let series = servers.iter().map(|&server| {
            let points = planned.setups.iter().enumerate();
            let points = points.filter_map(|(place, setup)| {
                rounds::point(setup.x, found.get(&(server, place))?, planned.figure)
            });
            Series { server: server.name(), points: points.collect() }
        });
        Scenario {
            name: planned.name.into(),
            title: planned.title.clone(),
            unit: planned.unit.into(),
            cluster: planned.nodes > 0,
            axis: planned.axis.map(Into::into),
            log: planned.axis.is_some_and(|axis| axis != "worker threads"),
            series: series.filter(|series| !series.points.is_empty()).collect(),
        }
    }

    /// One round of a setup on a server that is started for it.
    async fn once(
        &mut self,
        planned: &Planned,
        setup: &Setup,
        server: Server,
        servers: &[Server],
    ) -> Result<Figures, Error> {
        let mut words = setup.load.clone();
        let rate = match planned.rate {
            Rate::Fixed => None,
            Rate::Half => Some(self.reach(server).await? / 2.0),
            Rate::HalfOfSlowest => {
                let mut slowest = f64::INFINITY;
                for &other in servers {
                    slowest = slowest.min(self.reach(other).await?);
                }
                Some(slowest / 2.0)
            }
        };
        if let Some(rate) = rate {
            words += &format!(" --rate {rate:.0}");
        }
        if planned.nodes > 0 {
            let words = self.shortened(&words);
            return cluster::load(server, planned.nodes, &words, &setup.serve, planned.pinned).await;
        }
        let servers = setup.connections().div_ceil(most_connections());
        if servers > 1 {
            return self.shared(server, setup, servers).await;
        }
        self.load(server, &words, &setup.serve, planned.pinned).await
    }

    /// The same with the connections spread over several servers, each with a generator of its own.
    async fn shared(&self, server: Server, setup: &Setup, servers: usize) -> Result<Figures, Error> {
        let each = setup.connections() / servers;
        let words = format!("{} --connections {each}", setup.load);
        let mut tasks = Vec::new();
        for _ in 0..servers {
            tasks.push(self.load(server, &words, &setup.serve, true));
        }
        let all = futures_util::future::try_join_all(tasks).await?;
        Ok(together(&all))
    }

    /// How many echoes the server manages in a second, measured once.
    async fn reach(&mut self, server: Server) -> Result<f64, Error> {
        if let Some(&reached) = self.reached.get(&server) {
            return Ok(reached);
        }
        let figures = self.load(server, "echo --seconds 4", "", true).await?;
        let reached = figures.get("per_second").ok_or("there is no rate")?;
        self.reached.insert(server, reached);
        Ok(reached)
    }

    async fn load(&self, server: Server, load: &str, serve: &str, pinned: bool) -> Result<Figures, Error> {
        let load = self.shortened(load);
        let running = Running::start(server, serve, pinned).await?;
        let figures = running.load(&load, pinned).await;
        running.end().await?;
        figures
    }

    /// The generator's command line, made small if everything is to be.
    fn shortened(&self, load: &str) -> String {
        if self.arguments.quick { quick(load) } else { load.to_owned() }
    }
}

/// What several generators found together: sums of what is in all, else means.
fn together(all: &[Figures]) -> Figures {
    let mut together = Figures::default();
    let number = all.len() as f64;
    for (name, _) in all.iter().flat_map(Figures::iter) {
        let sum: f64 = all.iter().filter_map(|figures| figures.get(name)).sum();
        let value = match name {
            "operations" | "per_second" | "pings" | "resident_kib_all" => sum,
            _ if name.ends_with("_share") => sum,
            // Each saw what the kernel keeps for all, and divided it among its own.
            "kernel_kib_both_ends" => sum / number / number,
            _ => sum / number,
        };
        together.set(name, value);
    }
    together.set("servers", number);
    together
}

/// The same with no more than half a second, 500 clients and 100 rooms.
fn quick(load: &str) -> String {
    let mut words: Vec<String> = load.split_whitespace().map(str::to_owned).collect();
    for at in 1..words.len() {
        let most = match &*words[at - 1] {
            "--seconds" => 0.5,
            "--connections" | "--idle" => 500.0,
            "--rooms" => 100.0,
            _ => continue,
        };
        if let Ok(value) = words[at].parse::<f64>() {
            words[at] = value.min(most).to_string();
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_found_is_summed_or_averaged() {
        let found = |operations, resident, kernel| {
            let mut figures = Figures::default();
            figures.set("operations", operations);
            figures.set("idle_share", 0.25);
            figures.set("resident_kib", resident);
            figures.set("kernel_kib_both_ends", kernel);
            figures
        };
        let together = together(&[found(10.0, 1.0, 16.0), found(20.0, 2.0, 16.0)]);
        let of = |name| together.get(name).unwrap();
        assert_eq!((of("operations"), of("idle_share"), of("servers")), (30.0, 0.5, 2.0));
        assert_eq!((of("resident_kib"), of("kernel_kib_both_ends")), (1.5, 8.0));
    }

    #[test]
    fn what_is_quick_is_small() {
        assert_eq!(
            quick("idle --connections 5000 --spread --seconds 60"),
            "idle --connections 500 --spread --seconds 0.5"
        );
        assert_eq!(quick("echo --in-flight 16"), "echo --in-flight 16");
    }
}

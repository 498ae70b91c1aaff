//! Every scenario that is measured, and how.

use super::server::Adapter::{Classic, Postgres, Sharded, Streams};
use super::server::Server::{self, Axum, Floor, Node, NodeIn, Ours, OursIn, Socketioxide, SocketioxideIn};
use crate::load::Options;

const ALL: &[Server] = &[Floor, Ours, Socketioxide, Node];
/// Where requests of HTTP are what is measured.
const HTTP: &[Server] = &[Floor, Axum, Ours, Socketioxide, Node];
const PEERS: &[Server] = &[Ours, Socketioxide, Node];
const RUST: &[Server] = &[Ours, Socketioxide];
const ALONE: &[Server] = &[Ours];
/// Nodes of clusters.
const NODES: &[Server] = &[
    OursIn(Classic),
    OursIn(Sharded),
    OursIn(Streams),
    OursIn(Postgres),
    SocketioxideIn(Classic),
    NodeIn(Classic),
    NodeIn(Sharded),
    NodeIn(Streams),
    NodeIn(Postgres),
];
/// Nodes of clusters over Redis.
const REDIS: &[Server] = &[
    OursIn(Classic),
    OursIn(Sharded),
    OursIn(Streams),
    SocketioxideIn(Classic),
    NodeIn(Classic),
    NodeIn(Sharded),
    NodeIn(Streams),
];

/// A scenario.
#[derive(Clone, Debug)]
pub struct Planned {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) unit: &'static str,
    /// Which of the generator's figures it is about.
    pub(super) figure: &'static str,
    pub(super) axis: Option<&'static str>,
    pub(super) servers: &'static [Server],
    pub(super) setups: Vec<Setup>,
    /// Whether server and generator have a processor each.
    pub(super) pinned: bool,
    /// It is run no more often than this.
    pub(super) rounds: usize,
    pub(super) rate: Rate,
    /// Whether several servers share the connections where one cannot have them all.
    pub(super) shared: bool,
    /// Of how many nodes the cluster is that each server is measured as; with 0 it is none.
    pub(super) nodes: usize,
}

/// One point of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) x: Option<f64>,
    /// The generator's command line.
    pub(super) load: String,
    /// Further words of the server's.
    pub(super) serve: String,
}

impl Setup {
    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        let options = Options::parse(self.load.split_whitespace().map(str::to_owned));
        options.map_or(0, |options| options.connections + options.idle)
    }
}

/// What decides the rate of a scenario that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// Nothing, or the setup itself.
    Fixed,
    /// Half of what the server reaches in `echo`.
    Half,
    /// Half of what the slowest of the servers reaches.
    HalfOfSlowest,
}

impl Planned {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn new(name: &'static str, title: &str, figure: &'static str, unit: &'static str) -> Self {
        let title = title.to_owned();
        let (axis, servers, setups) = (None, ALL, Vec::new());
        let (pinned, rounds, rate, shared, nodes) = (true, usize::MAX, Rate::Fixed, false, 0);
        Self { name, title, unit, figure, axis, servers, setups, pinned, rounds, rate, shared, nodes }
    }

    fn of(mut self, servers: &'static [Server]) -> Self {
        self.servers = servers;
        self
    }

    fn load(mut self, load: &str) -> Self {
        self.setups = vec![Setup { x: None, load: load.into(), serve: String::new() }];
        self
    }

    fn serve(mut self, serve: &str) -> Self {
        self.setups.iter_mut().for_each(|setup| serve.clone_into(&mut setup.serve));
        self
    }

    /// A curve; the second and third give the generator's and the server's words for each place on the axis.
    fn curve(
        mut self,
        axis: &'static str,
        at: &[u32],
        load: impl Fn(u32) -> String,
        serve: impl Fn(u32) -> String,
    ) -> Self {
        self.axis = Some(axis);
        self.setups =
            at.iter().map(|&x| Setup { x: Some(x.into()), load: load(x), serve: serve(x) }).collect();
        self
    }

    fn unpinned(mut self) -> Self {
        self.pinned = false;
        self
    }

    fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    fn nodes(mut self, nodes: usize, servers: &'static [Server]) -> Self {
        (self.servers, self.nodes) = (servers, nodes);
        self
    }

    fn rounds(mut self, most: usize) -> Self {
        self.rounds = most;
        self
    }

    fn rate(mut self, rate: Rate) -> Self {
        self.rate = rate;
        self
    }
}

/// All scenarios: the table's, then the others, then the curves.
pub fn plan() -> Vec<Planned> {
    [table(), events(), storms(), clusters(), curves()].concat()
}

fn table() -> Vec<Planned> {
    const CONNECTION: &str = "µs of processor time for each connection";
    const ECHO: &str = "µs of processor time for each echo";
    const DELIVERY: &str = "µs of processor time for each delivery";
    const MEMORY: &str = "KiB resident for each connection";
    let new = Planned::new;
    vec![
        new("idle", "5 000 idle connections", "resident_kib", MEMORY)
            .load("idle --connections 5000 --seconds 2"),
        new("connect", "Opening 5 000 connections, 64 at a time", "server_us", CONNECTION)
            .of(HTTP)
            .load("idle --connections 5000 --seconds 0"),
        new("churn", "Clients that come and go, 50 at a time", "server_us", CONNECTION)
            .of(HTTP)
            .load("churn --connections 50 --seconds 4"),
        new("echo", "Echo, 1 in flight on each of 100 connections", "server_us", ECHO)
            .load("echo --seconds 4"),
        new("echo16", "Echo, 16 in flight on each of 100 connections", "server_us", ECHO)
            .load("echo --in-flight 16 --seconds 4"),
        new("echo4k", "Echo of 4 KiB, 1 in flight on each of 100 connections", "server_us", ECHO)
            .load("echo --size 4096 --seconds 4"),
        new(
            "ack",
            "Acknowledgement, 1 in flight on each of 100 connections",
            "server_us",
            "µs of processor time for each acknowledgement",
        )
        .load("ack --seconds 4"),
        new("broadcast", "Broadcast to 1 000, 1 in flight", "server_us", DELIVERY)
            .load("broadcast --connections 1000 --seconds 4"),
        new("broadcast8", "Broadcast to 1 000, 8 in flight", "server_us", DELIVERY)
            .load("broadcast --connections 1000 --in-flight 8 --seconds 4"),
        new("polling", "Echo over HTTP long-polling on 100 connections", "server_us", ECHO)
            .of(&[Axum, Ours, Socketioxide, Node])
            .load("polling --seconds 4"),
        new("idle_headers", "5 000 idle connections of browsers, headers kept", "resident_kib", MEMORY)
            .load("idle --connections 5000 --seconds 2 --browser")
            .serve("--keep-headers"),
    ]
}

fn events() -> Vec<Planned> {
    const TIME: &str = "µs from when an echo was due, 99 of 100";
    const RATE: &str = "events in a second";
    let new = Planned::new;
    let workers = |it: Planned, load: &'static str| {
        it.of(RUST).unpinned().curve(
            "worker threads",
            &[1, 2],
            move |_| load.into(),
            |threads| threads.to_string(),
        )
    };
    vec![
        new("latency", "Latency of an echo at half of each server's own load", "p99_us", TIME)
            .of(PEERS)
            .load("latency --seconds 10")
            .rate(Rate::Half),
        new("latency_same", "Latency of an echo at half of the slowest server's load", "p99_us", TIME)
            .of(PEERS)
            .load("latency --seconds 10")
            .rate(Rate::HalfOfSlowest),
        workers(
            new("workers", "Lists of numbers in 16 KiB of JSON, added up", "per_second", RATE),
            "sum --connections 32 --size 16384 --seconds 4",
        ),
        workers(
            new("workers_rooms", "100 rooms left and joined for each event", "per_second", RATE),
            "rooms --connections 32 --rooms 10 --seconds 4",
        ),
        workers(
            new(
                "workers_echo",
                "Echo, 16 in flight, where the generator needs a processor, too",
                "per_second",
                RATE,
            ),
            "echo --in-flight 16 --seconds 4",
        ),
    ]
}

fn storms() -> Vec<Planned> {
    const LAST: &str = "ms until the last CONNECT";
    let new = Planned::new;
    vec![
        new("storm", "10 000 clients that were cut off connect again at once", "last_ms", LAST)
            .of(PEERS)
            .load("storm --connections 10000"),
        new("storm_closed", "10 000 clients that the server closed connect again at once", "last_ms", LAST)
            .of(ALONE)
            .load("storm_closed --connections 10000"),
        new(
            "crowd",
            "Broadcast to 10 000 while 1 000 others join and leave in a second, on two worker threads",
            "delivery_us",
            "µs of processor time for each delivery",
        )
        .of(RUST)
        .load("crowd --connections 10000 --rate 1000 --seconds 10")
        // One thread alone would never find a lock taken.
        .serve("2")
        .unpinned(),
        new("idle50k", "50 000 idle connections with heartbeats", "idle_share", "of one processor's time")
            .of(RUST)
            .rounds(1)
            .shared()
            .load("idle --connections 50000 --spread --seconds 60"),
    ]
}

fn clusters() -> Vec<Planned> {
    const DELIVERY: &str = "µs of processor time for each delivery";
    let new = Planned::new;
    vec![
        new("nodes", "Broadcast to 4 nodes of 1 000 clients each, 1 in flight", "server_us", DELIVERY)
            .nodes(4, NODES)
            .load("broadcast --connections 4000 --seconds 4"),
        new("nodes8", "Broadcast to 4 nodes of 1 000 clients each, 8 in flight", "server_us", DELIVERY)
            .nodes(4, NODES)
            .load("broadcast --connections 4000 --in-flight 8 --seconds 3"),
        new(
            "many_rooms",
            "10 000 rooms joined by one socket with one call",
            "server_ms",
            "ms of processor time, until Redis knows all rooms that it has to know",
        )
        .nodes(1, REDIS)
        .load("many_rooms --rooms 10000"),
        new(
            "quiet_room",
            "Broadcast to a room that nobody at the 3 other nodes is in",
            "bytes",
            "bytes into and out of Redis for each broadcast",
        )
        .nodes(4, REDIS)
        .load("quiet_room --connections 40 --rate 1000 --seconds 3"),
    ]
}

fn curves() -> Vec<Planned> {
    const ECHO: &str = "µs of processor time for each echo";
    let new = Planned::new;
    let nothing = |_| String::new();
    vec![
        new("connections", "Echo on 100 connections while others stand idle", "server_us", ECHO)
            .of(RUST)
            .curve(
                "idle connections",
                // Many systems allow a process 20 000 files.
                &[1000, 2000, 5000, 10_000, 19_000, 50_000],
                |idle| format!("echo --idle {idle} --spread --seconds 4"),
                nothing,
            ),
        new("room", "Broadcast to rooms of any size", "server_us", "µs of processor time for each delivery")
            .of(&[Floor, Ours, Socketioxide])
            .curve(
                "members",
                &[10, 30, 100, 300, 1000, 3000, 10_000],
                |members| format!("broadcast --connections {members} --seconds 3"),
                nothing,
            ),
        new("payload", "Echo of any size on 20 connections", "server_us", ECHO).of(ALL).curve(
            "bytes",
            &[16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576],
            |size| format!("echo --connections 20 --size {size} --seconds 3"),
            |_| "--max-payload 2000000".into(),
        ),
        new(
            "rooms",
            "Leaving and joining a room by sockets that are in many",
            "turn_us",
            "µs of processor time for one leave and one join",
        )
        .of(RUST)
        .curve(
            "rooms of each socket",
            &[1, 3, 10, 30, 100, 300, 1000],
            |rooms| format!("rooms --rooms {rooms} --seconds 3"),
            nothing,
        ),
        new("namespaces", "Echo in the last of the namespaces entered", "server_us", ECHO).of(RUST).curve(
            "namespaces of each connection",
            // With `/` they are the most that a connection may enter by default.
            &[1, 3, 10, 30, 99],
            |number| format!("echo --namespaces {number} --seconds 3"),
            |number| format!("--namespaces {number}"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::SCENARIOS;

    #[test]
    fn every_scenario_is_one_that_the_generator_knows() {
        for planned in plan() {
            assert!(!planned.setups.is_empty(), "{}", planned.name);
            for setup in &planned.setups {
                let options = Options::parse(setup.load.split_whitespace().map(str::to_owned)).unwrap();
                assert!(SCENARIOS.iter().any(|(name, _)| *name == options.scenario), "{}", options.scenario);
                let serve = std::iter::once("0").chain(setup.serve.split_whitespace());
                crate::Settings::parse(serve.map(str::to_owned)).unwrap();
            }
        }
    }

    #[test]
    fn servers_are_nodes_where_there_are_several() {
        for planned in plan() {
            for server in planned.servers {
                assert_eq!(
                    server.adapter().is_some(),
                    planned.nodes > 0,
                    "{}, {}",
                    planned.name,
                    server.name()
                );
            }
        }
    }

    #[test]
    fn no_two_have_one_name() {
        let mut names: Vec<_> = plan().iter().map(Planned::name).collect();
        let number = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), number);
    }
}

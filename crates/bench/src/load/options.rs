//! What is measured, and how much of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The command line's errors are sentences.
type Error = Box<dyn std::error::Error>;

/// How long a scenario goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span {
    /// For that many seconds, after one more to warm up.
    Seconds(f64),
    /// Until that many operations are done, all of them counted; this depends on no clock.
    Operations(u64),
}

/// A server's process, and where it listens; as a word `127.0.0.1:3000=4711`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub pid: u32,
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let (address, pid) = word.split_once('=').ok_or("an address, `=` and a process")?;
        Ok(Self { address: address.parse()?, pid: pid.parse()? })
    }
}

/// One run of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Its name, one of [`SCENARIOS`](super::SCENARIOS).
    pub scenario: String,
    /// Where the server listens (default: 127.0.0.1:3000).
    pub address: SocketAddr,
    /// The server's process (default: this one).
    pub pid: u32,
    /// The further nodes of a cluster, of which that server is the first (default: none).
    pub nodes: Vec<Place>,
    /// The engine between the nodes, which is a Redis (default: none).
    pub engine: Option<Place>,
    /// Whether every room has a channel of its own at the engine (default: no).
    pub channels: bool,
    /// How many clients there are, at all nodes together (default: 100).
    pub connections: usize,
    /// How many further clients stand idle (default: none).
    pub idle: usize,
    /// How many operations each client has in flight (default: 1).
    pub in_flight: usize,
    /// How long the text in each message is, in bytes (default: 40).
    pub size: usize,
    /// How long it goes on (default: 4 seconds).
    pub span: Span,
    /// How many operations are begun in a second, where they are begun on time and not after the last (default: 1000).
    pub rate: f64,
    /// How many rooms each client is in (default: 1).
    pub rooms: usize,
    /// How many namespaces each client enters beside `/`; with 0, the default, it is in `/` alone.
    pub namespaces: usize,
    /// Whether clients come from several loopback addresses, as above some 28 000 they must (default: no).
    pub spread: bool,
    /// Whether clients send the headers that a browser sends (default: no).
    pub browser: bool,
}

impl Options {
    /// The defaults, for a scenario.
    pub fn new(scenario: impl Into<String>) -> Self {
        Self {
            scenario: scenario.into(),
            address: (Ipv4Addr::LOCALHOST, 3000).into(),
            pid: std::process::id(),
            nodes: Vec::new(),
            engine: None,
            channels: false,
            connections: 100,
            idle: 0,
            in_flight: 1,
            size: 40,
            span: Span::Seconds(4.0),
            rate: 1000.0,
            rooms: 1,
            namespaces: 0,
            spread: false,
            browser: false,
        }
    }

    /// Reads a command line: the scenario, then options as `--in-flight 16`.
    ///
    /// # Errors
    ///
    /// If it names no scenario, or an option that there is not or that has no value.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut options = Self::new(words.next().ok_or("which scenario?")?);
        while let Some(name) = words.next() {
            let value = &mut words;
            match &*name {
                "--address" => options.address = read(&name, value)?,
                "--pid" => options.pid = read(&name, value)?,
                "--node" => options.nodes.push(read(&name, value)?),
                "--engine" => options.engine = Some(read(&name, value)?),
                "--channels" => options.channels = true,
                "--connections" => options.connections = read(&name, value)?,
                "--idle" => options.idle = read(&name, value)?,
                "--in-flight" => options.in_flight = read(&name, value)?,
                "--size" => options.size = read(&name, value)?,
                "--seconds" => options.span = Span::Seconds(read(&name, value)?),
                "--operations" => options.span = Span::Operations(read(&name, value)?),
                "--rate" => options.rate = read(&name, value)?,
                "--rooms" => options.rooms = read(&name, value)?,
                "--namespaces" => options.namespaces = read(&name, value)?,
                "--spread" => options.spread = true,
                "--browser" => options.browser = true,
                _ => return Err(format!("there is no option {name}").into()),
            }
        }
        Ok(options)
    }

    /// Every node, the first of them first.
    pub fn places(&self) -> Vec<Place> {
        let first = Place { address: self.address, pid: self.pid };
        [first].into_iter().chain(self.nodes.iter().copied()).collect()
    }
}

fn read<T: FromStr>(name: &str, words: &mut impl Iterator<Item = String>) -> Result<T, Error> {
    let word = words.next().ok_or_else(|| format!("{name} needs a value"))?;
    word.parse().map_err(|_| format!("{word} is no value for {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Error> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_not_said_is_as_by_default() {
        assert_eq!(parse("echo").unwrap(), Options::new("echo"));
    }

    #[test]
    fn what_is_said_counts() {
        let options = parse("ack --in-flight 16 --operations 50 --spread").unwrap();
        let span = Span::Operations(50);
        assert_eq!(options, Options { in_flight: 16, span, spread: true, ..Options::new("ack") });
    }

    #[test]
    fn a_cluster_is_several_nodes_and_an_engine() {
        let options = parse(
            "nodes --address 127.0.0.1:1 --pid 5 --node 127.0.0.1:2=6 --engine 127.0.0.1:3=7 --channels",
        )
        .unwrap();
        let place = |port, pid| Place { address: ([127, 0, 0, 1], port).into(), pid };
        assert_eq!(options.places(), [place(1, 5), place(2, 6)]);
        assert_eq!((options.engine, options.channels), (Some(place(3, 7)), true));
    }

    #[test]
    fn mistakes_are_errors() {
        for line in [
            "echo --node 127.0.0.1:2",
            "echo --node 7",
            "echo --engine x=1",
            "",
            "echo --pid",
            "echo --pid me",
            "echo --loud",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

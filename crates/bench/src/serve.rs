//! What every server under load has in common: its command line, its runtime, and what it answers.
//!
//! On the namespace `/` a client that connects joins the room `r`, and the events are these:
//!
//! | event | arguments | what the server does |
//! |---|---|---|
//! | `echo` | a string | emits `echo` back with the same string |
//! | `ack` | a string | acknowledges with the same string |
//! | `bcast` | a string | emits `bcast` with it to the room `r`, the sender included |
//! | `to` | a room, a string | emits `bcast` with the string to that room |
//! | `join`, `leave` | a list of rooms | joins or leaves them and acknowledges with the nanoseconds that this took |
//! | `turns` | a number | leaves and joins its rooms `m0`, `m1`, … up to that number in turn, [`TURNS`] times; acknowledges with the number |
//! | `sum` | a list of numbers | acknowledges with their sum |
//! | `drop` | nothing | closes the connections of everybody |
//!
//! The namespaces `/n0`, `/n1`, … know `echo`.

use std::num::ParseIntError;

use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error>;

const USAGE: &str = "usage: PORT [WORKER THREADS] [--max-payload BYTES] [--namespaces N] [--keep-headers]\n    \
    [--adapter classic|sharded|streams|postgres --engine URL]";

/// How many times a room is left and joined for one event `turns`.
pub const TURNS: usize = 100;

/// What the command line of a server says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The port of 127.0.0.1 to listen on; 0 is any that is free.
    pub port: u16,
    /// The runtime's worker threads (default: 1); with 0 it has but the thread that runs it.
    pub threads: usize,
    /// The largest message in bytes (default: the server's own).
    pub max_payload: Option<usize>,
    /// How many namespaces there are beside `/` (default: none).
    pub namespaces: usize,
    /// Whether the headers of a browser's request are kept for the connection's life (default: no).
    pub keep_headers: bool,
    /// What joins it with other nodes (default: nothing).
    pub cluster: Option<Cluster>,
}

/// How a server is joined with other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The adapter, of which a server may know but some.
    pub adapter: String,
    /// The URL of what is between the nodes.
    pub url: String,
}

impl Cluster {
    /// That this adapter is not known.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn unknown<T>(&self) -> Result<T, Error> {
        Err(format!("there is no adapter {} here", self.adapter).into())
    }
}

impl Settings {
    /// Reads the words of a command line.
    ///
    /// # Errors
    ///
    /// If they name no port, or something that there is not.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let number = |word: Option<String>| -> Result<usize, Error> {
            word.ok_or(USAGE)?.parse().map_err(|error: ParseIntError| error.to_string().into())
        };
        let port = words.next().ok_or(USAGE)?.parse()?;
        let (mut adapter, mut url) = (None, None);
        let mut settings = Self { port, threads: 1, ..Self::default() };
        while let Some(word) = words.next() {
            match &*word {
                "--max-payload" => settings.max_payload = Some(number(words.next())?),
                "--namespaces" => settings.namespaces = number(words.next())?,
                "--keep-headers" => settings.keep_headers = true,
                "--adapter" => adapter = Some(words.next().ok_or(USAGE)?),
                "--engine" => url = Some(words.next().ok_or(USAGE)?),
                _ => settings.threads = number(Some(word))?,
            }
        }
        settings.cluster = match (adapter, url) {
            (None, None) => None,
            (Some(adapter), Some(url)) => Some(Cluster { adapter, url }),
            _ => return Err(USAGE.into()),
        };
        Ok(settings)
    }
}

/// Runs a server as the command line says, and prints where it listens: `listening on 127.0.0.1:3000`.
///
/// # Errors
///
/// If the command line is wrong, the port is taken, the runtime cannot start, or the server ends with an error.
pub fn serve(server: impl AsyncFnOnce(TcpListener, Settings) -> Result<(), Error>) -> Result<(), Error> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let mut runtime = match settings.threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    // A runtime of one thread takes no notice of a number that is not zero.
    runtime.worker_threads(settings.threads.max(1)).enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
        println!("listening on {}", listener.local_addr()?);
        server(listener, settings).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Settings, Error> {
        Settings::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_port_is_enough() {
        assert_eq!(parse("3000").unwrap(), Settings { port: 3000, threads: 1, ..Settings::default() });
    }

    #[test]
    fn threads_and_options_may_follow() {
        let settings = parse("0 2 --max-payload 99 --keep-headers --namespaces 7").unwrap();
        let max_payload = Some(99);
        assert_eq!(
            settings,
            Settings { port: 0, threads: 2, max_payload, namespaces: 7, keep_headers: true, cluster: None }
        );
    }

    #[test]
    fn a_node_of_a_cluster_has_an_adapter_and_what_is_between() {
        let cluster = parse("0 --adapter sharded --engine redis://localhost").unwrap().cluster.unwrap();
        assert_eq!((&*cluster.adapter, &*cluster.url), ("sharded", "redis://localhost"));
        assert!(cluster.unknown::<()>().unwrap_err().to_string().contains("sharded"));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for line in [
            "",
            "high",
            "3000 two",
            "3000 --max-payload",
            "3000 --unknown",
            "3000 --adapter x",
            "3000 --engine x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

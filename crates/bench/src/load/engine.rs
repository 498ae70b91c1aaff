//! What a Redis between nodes does meanwhile: its processor time, its memory, and what goes through it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Options, Process};

/// A connection to it.
#[derive(Debug)]
pub(super) struct Engine {
    process: Process,
    stream: BufReader<TcpStream>,
}

/// What has come into it and gone out of it, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) incoming: u64,
    pub(super) outgoing: u64,
}

impl Engine {
    /// Connects to the one that these options name.
    ///
    /// # Errors
    ///
    /// If they name none, or it takes no connection.
    pub(super) async fn connect(options: &Options) -> io::Result<Self> {
        let place = options.engine.ok_or_else(|| io::Error::other("there is no Redis between the nodes"))?;
        let stream = BufReader::new(TcpStream::connect(place.address).await?);
        Ok(Self { process: Process::new(place.pid), stream })
    }

    /// Its process.
    pub(super) fn process(&self) -> Process {
        self.process
    }

    /// How many channels for shards somebody listens to.
    ///
    /// # Errors
    ///
    /// If it does not say.
    pub(super) async fn channels(&mut self) -> io::Result<u64> {
        number(&self.stats().await?, "pubsubshard_channels:")
    }

    /// What went through it so far.
    ///
    /// # Errors
    ///
    /// If it does not say.
    pub(super) async fn traffic(&mut self) -> io::Result<Traffic> {
        let stats = self.stats().await?;
        let of = |name| number(&stats, name);
        Ok(Traffic { incoming: of("total_net_input_bytes:")?, outgoing: of("total_net_output_bytes:")? })
    }

    async fn stats(&mut self) -> io::Result<String> {
        self.stream.write_all(b"INFO stats\r\n").await?;
        let mut head = String::new();
        self.stream.read_line(&mut head).await?;
        let length = head.strip_prefix('$').and_then(|length| length.trim().parse::<usize>().ok());
        let length = length.ok_or_else(|| io::Error::other(format!("Redis says {}", head.trim())))?;
        let mut text = vec![0; length + "\r\n".len()];
        self.stream.read_exact(&mut text).await?;
        String::from_utf8(text).map_err(io::Error::other)
    }
}

impl Traffic {
    /// What came since then.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            incoming: self.incoming.saturating_sub(before.incoming),
            outgoing: self.outgoing.saturating_sub(before.outgoing),
        }
    }
}

/// Processor time in microseconds for each of so many things.
pub(super) fn each_us(cpu: Duration, number: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / number.max(1) as f64
}

fn number(stats: &str, name: &str) -> io::Result<u64> {
    let number = stats.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    number.ok_or_else(|| io::Error::other(format!("Redis does not say {name}")))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::load::Place;

    #[tokio::test]
    async fn its_statistics_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut options = Options::new("quiet_room");
        options.engine = Some(Place { address: listener.local_addr().unwrap(), pid: std::process::id() });
        let redis = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                let mut request = [0; b"INFO stats\r\n".len()];
                stream.read_exact(&mut request).await.unwrap();
                assert_eq!(&request, b"INFO stats\r\n");
                let stats = "# Stats\r\ntotal_net_input_bytes:7\r\ntotal_net_output_bytes:9\r\n\
                    pubsub_channels:3\r\npubsubshard_channels:12\r\n";
                stream.write_all(format!("${}\r\n{stats}\r\n", stats.len()).as_bytes()).await.unwrap();
            }
            stream.read_u8().await.unwrap_err();
        };
        let client = async {
            let mut engine = Engine::connect(&options).await.unwrap();
            assert_eq!(engine.channels().await.unwrap(), 12);
            let traffic = engine.traffic().await.unwrap();
            assert_eq!(
                traffic.since(Traffic { incoming: 2, outgoing: 3 }),
                Traffic { incoming: 5, outgoing: 6 }
            );
        };
        tokio::join!(redis, client);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut options = Options::new("quiet_room");
        assert!(Engine::connect(&options).await.is_err());
        options.engine = Some(Place { address: listener.local_addr().unwrap(), pid: std::process::id() });
        let mut engine = Engine::connect(&options).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"-NOAUTH who is it?\r\n$12\r\n# Stats\r\na:1\r\n\r\n").await.unwrap();
        assert!(engine.channels().await.unwrap_err().to_string().contains("NOAUTH"));
        assert!(engine.channels().await.unwrap_err().to_string().contains("pubsubshard_channels"));
    }
}

//! The Redis or Postgres between the nodes of a cluster: started for a run, and ended with it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use super::postgres::Postgres;
use super::server::{command, on_path};

type Error = Box<dyn std::error::Error>;

/// The program of Redis.
const REDIS: &str = "redis-server";
/// How long it may take to answer.
const TO_START: Duration = Duration::from_secs(20);
/// How long it may take to end.
const TO_END: Duration = Duration::from_secs(5);
/// How often it is asked meanwhile.
const ASK: Duration = Duration::from_millis(20);

/// What there can be between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Redis,
    Postgres,
}

impl Kind {
    /// Whether there is such a program.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Redis => on_path(REDIS),
            Self::Postgres => Postgres::find().is_some(),
        }
    }
}

/// Its process, which keeps nothing; dropping it ends it.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    /// What it ends by at once: a Postgres that is killed leaves shared memory behind.
    signal: &'static str,
    address: SocketAddr,
    url: String,
    // After the process: it is removed when that is gone.
    _folder: Folder,
}

impl Engine {
    /// Starts it on a port that is free, on one processor alone if it is given, and waits until it answers.
    pub(super) async fn start(kind: Kind, processor: Option<String>) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        drop(listener);
        match kind {
            Kind::Redis => Self::redis(folder, address, processor).await,
            Kind::Postgres => Self::postgres(folder, address, processor).await,
        }
    }

    async fn redis(folder: Folder, address: SocketAddr, processor: Option<String>) -> Result<Self, Error> {
        let port = address.port().to_string();
        let words = [REDIS, "--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
        let mut command = command(words.map(Into::into).into(), processor);
        // What it does by itself ten times in a second would count as that of broadcasts, where these are slow.
        command.args(["--hz", "1"]).arg("--dir").arg(folder.path()).stdout(Stdio::null());
        let child = command.spawn()?;
        within(async || ping(address).await.is_ok()).await.map_err(|_| "Redis does not start")?;
        Ok(Self { child, signal: "TERM", address, url: format!("redis://{address}"), _folder: folder })
    }

    async fn postgres(folder: Folder, address: SocketAddr, processor: Option<String>) -> Result<Self, Error> {
        let postgres = Postgres::find().ok_or("there is no Postgres")?;
        postgres.create(folder.path()).await?;
        let mut command = command(postgres.start(folder.path(), address.port()), processor);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let url = Postgres::url(address.port());
        let engine = Self { child, signal: "QUIT", address, url, _folder: folder };
        let ready = within(async || postgres.is_ready(address.port()).await).await;
        ready.map_err(|_| "Postgres does not start")?;
        Ok(engine)
    }

    /// Its URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The words that name it to the generator.
    pub(super) fn load(&self) -> Result<String, Error> {
        Ok(format!("--engine {}={}", self.address, self.child.id().ok_or("the engine has ended")?))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(id) = self.child.id() else { return };
        let script = format!("kill -{} {id}", self.signal);
        let told = std::process::Command::new("sh").args(["-c", &script]).status();
        let until = Instant::now() + TO_END;
        // If it does not listen, it is killed.
        while told.is_ok() && matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(ASK);
        }
    }
}

/// Waits until something holds, as long as a start may take.
async fn within(holds: impl AsyncFn() -> bool) -> Result<(), tokio::time::error::Elapsed> {
    let until = async {
        while !holds().await {
            tokio::time::sleep(ASK).await;
        }
    };
    tokio::time::timeout(TO_START, until).await
}

async fn ping(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; b"+PONG\r\n".len()];
    stream.read_exact(&mut answer).await?;
    if &answer == b"+PONG\r\n" { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

/// A folder of its own, removed with what is in it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("tower-socketio-bench-{process}-{number}"));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(self.path()) {
            eprintln!("{}: {error}", self.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_removed_with_what_is_in_it() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("file"), "text").unwrap();
        assert_ne!(Folder::new().unwrap().path(), path);
        drop(folder);
        assert!(!path.exists());
    }
}

//! The Redis between the nodes of a cluster: started for a run, and ended with it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use super::server::{command, on_path};

type Error = Box<dyn std::error::Error>;

/// Its program.
const PROGRAM: &str = "redis-server";
/// How long it may take to answer.
const TO_START: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const ASK: Duration = Duration::from_millis(20);

/// Its process, which keeps nothing on disk; dropping it ends it.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    address: SocketAddr,
    // After the process: it is removed when that is gone.
    _folder: Folder,
}

impl Engine {
    /// Whether there is such a program.
    pub(super) fn is_there() -> bool {
        on_path(PROGRAM)
    }

    /// Starts it on a port that is free, on one processor alone if it is given, and waits until it answers.
    pub(super) async fn start(processor: Option<String>) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        drop(listener);
        let port = address.port().to_string();
        let words = [PROGRAM, "--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
        let mut command = command(words.map(Into::into).into(), processor);
        command.arg("--dir").arg(folder.path()).stdout(Stdio::null());
        let child = command.spawn()?;
        let engine = Self { child, address, _folder: folder };
        tokio::time::timeout(TO_START, engine.answers()).await.map_err(|_| "Redis does not start")?;
        Ok(engine)
    }

    async fn answers(&self) {
        while ping(self.address).await.is_err() {
            tokio::time::sleep(ASK).await;
        }
    }

    /// The words that name it to a server.
    pub(super) fn serve(&self) -> String {
        format!("--redis redis://{}", self.address)
    }

    /// The words that name it to the generator.
    pub(super) fn load(&self) -> Result<String, Error> {
        Ok(format!("--engine {}={}", self.address, self.child.id().ok_or("Redis has ended")?))
    }

    /// Ends it, and waits until it is gone.
    pub(super) async fn end(mut self) -> Result<(), Error> {
        Ok(self.child.kill().await?)
    }
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

//! The server that is measured, under the program that measures it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::chores::{Chores, Result};

/// Time to start or to end under a tool that slows everything down, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// `serve` of `crates/bench`, as a child of the program that measures it.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it with so many worker threads, by a command that lacks but the program and its arguments.
    pub(super) fn start(mut under: Command, program: &Path, workers: usize) -> Result<Self> {
        // It is free, and hardly anybody takes it meanwhile.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        // What surrounds it moves its memory and reaches its allocator.
        under.env_clear().arg(program).args([address.port().to_string(), workers.to_string()]);
        // The copy that `memcpy` makes of many bytes by one instruction would count as one for each byte.
        under.env("GLIBC_TUNABLES", TUNABLES);
        let child = under.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{}: {error}", under.get_program().to_string_lossy()))?;
        let mut server = Self { child, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended before it began ({status})").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("the server does not start".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// Ends it in a way that lets the program around it write down what it has measured.
    pub(super) fn stop(mut self, chores: &Chores) -> Result {
        let mut kill = chores.program("sh", &["-c", "kill -TERM \"$0\""]);
        if !kill.arg(self.child.id().to_string()).status()?.success() {
            return Err("the server is gone".into());
        }
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                return Err("the server does not end".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    /// Whatever went wrong, it does not stay behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TUNABLES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff:glibc.cpu.x86_rep_stosb_threshold=0x7fffffff";

//! The servers, and the processes that they are while they are measured.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::engine::Kind;
use crate::load::Figures;

type Error = Box<dyn std::error::Error>;

/// How many files a process may have open, if it is allowed so many: more connections than any scenario has.
const FILES: usize = 120_000;
/// How many files a process may need beside those that are connections.
const OTHER_FILES: usize = 200;
/// How long a server may take to listen.
const TO_START: Duration = Duration::from_secs(20);
/// How long one run may take.
const TO_RUN: Duration = Duration::from_secs(400);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Server {
    Floor,
    /// axum and hyper without Socket.IO; it knows handshakes and polls only.
    Axum,
    Ours,
    Socketioxide,
    Node,
    /// Ours, as a node of a cluster; so the next two.
    OursIn(Adapter),
    SocketioxideIn(Adapter),
    NodeIn(Adapter),
}

/// What joins the nodes of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Adapter {
    Classic,
    Sharded,
    Streams,
    Postgres,
}

impl Adapter {
    /// As servers call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Sharded => "sharded",
            Self::Streams => "streams",
            Self::Postgres => "postgres",
        }
    }

    /// npm's package of it.
    fn package(self) -> &'static str {
        match self {
            Self::Classic | Self::Sharded => "@socket.io/redis-adapter",
            Self::Streams => "@socket.io/redis-streams-adapter",
            Self::Postgres => "@socket.io/postgres-adapter",
        }
    }

    /// What it needs between the nodes.
    pub(super) fn engine(self) -> Kind {
        match self {
            Self::Classic | Self::Sharded | Self::Streams => Kind::Redis,
            Self::Postgres => Kind::Postgres,
        }
    }

    /// Whether every room has a channel of its own at the engine.
    pub(super) fn has_channels(self) -> bool {
        self == Self::Sharded
    }
}

impl Server {
    pub(super) fn name(self) -> String {
        let program = match self {
            Self::Floor => "floor",
            Self::Axum => "axum alone",
            Self::Ours | Self::OursIn(_) => "tower-socketio",
            Self::Socketioxide | Self::SocketioxideIn(_) => "socketioxide",
            Self::Node | Self::NodeIn(_) => "socket.io",
        };
        // What is between the nodes tells the same program apart.
        match self {
            Self::OursIn(adapter) | Self::NodeIn(adapter) => format!("{program}, {}", adapter.name()),
            _ => program.to_owned(),
        }
    }

    /// What joins it with other nodes, if something does.
    pub(super) fn adapter(self) -> Option<Adapter> {
        match self {
            Self::OursIn(adapter) | Self::SocketioxideIn(adapter) | Self::NodeIn(adapter) => Some(adapter),
            _ => None,
        }
    }

    /// How it is started, if it is there.
    fn words(self) -> Option<Vec<OsString>> {
        match self {
            Self::Floor => built("serve-floor"),
            Self::Axum => built("serve-axum"),
            Self::Ours | Self::OursIn(_) => built("serve"),
            Self::Socketioxide | Self::SocketioxideIn(_) => built("serve-socketioxide"),
            Self::Node | Self::NodeIn(_) => {
                let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop");
                let needed = self.adapter().map_or("socket.io", Adapter::package);
                let installed = interop.join("node_modules").join(needed).is_dir() && on_path("node");
                installed.then(|| vec!["node".into(), interop.join("load/server.mjs").into()])
            }
        }
    }

    pub(super) fn is_there(self) -> bool {
        self.words().is_some() && self.adapter().is_none_or(|adapter| adapter.engine().is_there())
    }
}

/// A program that was built beside this one.
fn built(name: &str) -> Option<Vec<OsString>> {
    let path: PathBuf = std::env::current_exe().ok()?.parent()?.join(name);
    path.is_file().then(|| vec![path.into()])
}

pub(super) fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// A server's process; dropping it ends it.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pid: u32,
    address: String,
}

impl Running {
    /// Starts a server with these further words on its command line, on the first processor if it is to be pinned.
    pub(super) async fn start(server: Server, words: &str, pinned: bool) -> Result<Self, Error> {
        let mut all = server.words().ok_or("it is not there")?;
        all.push("0".into());
        all.extend(words.split_whitespace().map(Into::into));
        let processor = processors().filter(|_| pinned).map(|[server, _]| server);
        let mut child = command(all, processor).spawn()?;
        let pid = child.id().ok_or("it ended at once")?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("it has no output")?).lines();
        let line = tokio::time::timeout(TO_START, lines.next_line()).await??;
        let address = line.as_deref().and_then(|line| line.strip_prefix("listening on "));
        let address = address.ok_or("it does not say where it listens")?.to_owned();
        Ok(Self { child, pid, address })
    }

    /// Where it listens and its process, as the generator takes it for a further node.
    pub(super) fn place(&self) -> String {
        format!("{}={}", self.address, self.pid)
    }

    /// Runs a scenario against it, on the second processor if it is to be pinned.
    pub(super) async fn load(&self, words: &str, pinned: bool) -> Result<Figures, Error> {
        let mut all = built("load").ok_or("the generator is not there")?;
        all.extend(words.split_whitespace().map(Into::into));
        all.extend(["--address".into(), self.address.clone().into()]);
        all.extend(["--pid".into(), self.pid.to_string().into()]);
        let processor = processors().filter(|_| pinned).map(|[_, generator]| generator);
        let mut child = command(all, processor).spawn()?;
        let mut text = String::new();
        let output = child.stdout.as_mut().ok_or("it has no output")?;
        tokio::time::timeout(TO_RUN, output.read_to_string(&mut text)).await??;
        if !child.wait().await?.success() {
            return Err(format!("`load {words}` failed").into());
        }
        Ok(Figures::parse(&text)?)
    }

    /// Ends it, and waits until it is gone.
    pub(super) async fn end(mut self) -> Result<(), Error> {
        Ok(self.child.kill().await?)
    }
}

/// A program that may open many files, on one processor alone if it is given.
pub(super) fn command(words: Vec<OsString>, processor: Option<String>) -> Command {
    let mut command = match processor {
        None => Command::new("sh"),
        Some(processor) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &processor, "sh"]);
            command
        }
    };
    // Where the limit cannot be raised so far, it is raised as far as it goes. `exec` keeps the process's id.
    let script = format!("ulimit -n {FILES} 2>/dev/null || ulimit -n $(ulimit -H -n); exec \"$@\"");
    command.arg("-c").arg(script).arg("sh").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// How many connections one process can have.
pub(super) fn most_connections() -> usize {
    let files = std::fs::read_to_string("/proc/self/limits").ok().and_then(|limits| {
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    });
    // Who may raise the limit beyond its present end is not known; it goes as far as that for certain.
    files.unwrap_or(FILES).min(FILES).saturating_sub(OTHER_FILES).max(1)
}

/// A processor for the server and one for the generator, where there are two and `taskset` is.
pub(super) fn processors() -> Option<[String; 2]> {
    let status = std::fs::read_to_string("/proc/self/status").ok().filter(|_| on_path("taskset"))?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut numbers = list.trim().split(',').flat_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().unwrap_or(1), last.parse().unwrap_or(0));
        first..=last
    });
    Some([numbers.next()?.to_string(), numbers.next()?.to_string()])
}

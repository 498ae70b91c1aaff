//! Servers of the reference implementation, to check the suite itself.
//!
//! ```text
//! npm install --prefix target/reference socket.io@4.8
//! PROTOCOL_SERVER_CMD="cd target/reference && node ../../tests/protocol/reference.js" cargo test --test protocol
//! ```
//!
//! The command is run once by a shell. It reads one JSON object a line: `{"start":{..options..}}` is answered by a line
//! `{"port":n}`, `{"stop":n}` by nothing. It ends with its input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::options::Options;

/// The environment variable with the command.
pub(crate) const COMMAND: &str = "PROTOCOL_SERVER_CMD";

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
}

/// Starts a server in the one process of the reference implementation.
pub(crate) fn start(options: &Options) -> Running {
    let mut process = Process::get();
    process.tell(&json!({ "start": {
        "path": options.path,
        "transports": options.transports,
        "allowEIO3": options.allow_eio3,
        "allowRequest": options.allow_request,
        "cookie": options.cookie,
        "serveClient": options.serve_client,
        "maxHttpBufferSize": options.max_payload,
        "pingInterval": options.ping_interval.as_millis(),
        "pingTimeout": options.ping_timeout.as_millis(),
        "upgradeTimeout": options.upgrade_timeout.as_millis(),
        "connectTimeout": options.connect_timeout.as_millis(),
    }}));
    let answer = process.answer();
    let port = answer["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    Running { address: (Ipv4Addr::LOCALHOST, port).into() }
}

impl Drop for Running {
    fn drop(&mut self) {
        Process::get().tell(&json!({ "stop": self.address.port() }));
    }
}

struct Process {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn get() -> MutexGuard<'static, Self> {
        static PROCESS: OnceLock<Mutex<Process>> = OnceLock::new();
        PROCESS.get_or_init(|| Mutex::new(Process::spawn())).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn() -> Self {
        let command = std::env::var(COMMAND).expect("the command of the reference server");
        let mut child = Command::new("sh")
            .args(["-c", &command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the reference server starts");
        let input = child.stdin.take().expect("its input is piped");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Process { _child: child, input, output }
    }

    fn tell(&mut self, line: &Value) {
        writeln!(self.input, "{line}").expect("the reference server listens");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the reference server answers");
        serde_json::from_str(&line).expect("the reference server answers in JSON")
    }
}

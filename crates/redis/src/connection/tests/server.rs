use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::RedisServer;
use crate::connection::Plan;

/// Answers commands as it is told.
pub(crate) struct Server {
    listener: Option<TcpListener>,
    url: String,
    rules: watch::Sender<Rules>,
}

/// What is done with commands of a name instead of answering them as usual.
#[derive(Default)]
struct Rules {
    /// They are answered by this line.
    refused: HashMap<&'static str, String>,
    /// They and all behind them wait.
    held: HashSet<&'static str>,
}

/// A client's connection, seen from the server.
pub(crate) struct Client {
    /// The commands that came.
    pub(crate) commands: mpsc::UnboundedReceiver<Vec<String>>,
    /// What goes out without having been asked for.
    pub(crate) pushes: mpsc::UnboundedSender<Vec<u8>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        Self { listener: Some(listener), url, rules: watch::Sender::default() }
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan_of(RedisServer::from(&self.url))
    }

    /// A cluster of one node, this one.
    pub(crate) fn plan_of_cluster(&self) -> Arc<Plan> {
        self.plan_of(RedisServer::cluster([&self.url]))
    }

    /// Who introduces itself and is not answered gives up soon.
    pub(super) fn impatient_plan(&self) -> Arc<Plan> {
        let server = RedisServer::from(&self.url).connection_name("name");
        self.plan_of(server.connect_timeout(Duration::from_millis(100)))
    }

    fn plan_of(&self, server: RedisServer) -> Arc<Plan> {
        Arc::new(Plan::new(&server).unwrap())
    }

    /// Commands of this name are answered by this line.
    pub(super) fn refuse(&self, name: &'static str, line: &str) {
        self.rules.send_modify(|rules| rules.refused.extend([(name, line.to_owned())]));
    }

    /// Nothing is refused any more.
    pub(super) fn allow(&self) {
        self.rules.send_modify(|rules| rules.refused.clear());
    }

    pub(super) fn address(&self) -> String {
        self.url.trim_start_matches("redis://").to_owned()
    }

    /// Commands of this name are not answered, and none behind them.
    pub(crate) fn hold(&self, name: &'static str) {
        self.rules.send_modify(|rules| rules.held.extend([name]));
    }

    /// All is answered again.
    pub(crate) fn release(&self) {
        self.rules.send_modify(|rules| rules.held.clear());
    }

    /// Waits for the next connection, whose commands are answered: those that subscribe by confirmations, those called
    /// `SILENT` not at all, `CLUSTER` by what a cluster of this one node says, all others by `OK`.
    pub(crate) async fn accept(&self) -> Client {
        let (stream, _) = self.listener.as_ref().unwrap().accept().await.unwrap();
        let (told, commands) = mpsc::unbounded_channel();
        let (pushes, pushed) = mpsc::unbounded_channel();
        let task = tokio::spawn(serve(stream, told, pushed, self.rules.subscribe()));
        Client { commands, pushes, task }
    }

    /// Nobody listens any more.
    pub(super) fn close(&mut self) {
        self.listener = None;
    }
}

impl Client {
    /// Cuts the connection.
    pub(super) async fn cut(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits for a command of this name.
    pub(crate) async fn command(&mut self, name: &str) -> Vec<String> {
        loop {
            let command = self.commands.recv().await.expect("the connection lasts");
            if command[0] == name {
                return command;
            }
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    told: mpsc::UnboundedSender<Vec<String>>,
    mut pushed: mpsc::UnboundedReceiver<Vec<u8>>,
    mut rules: watch::Receiver<Rules>,
) {
    let port = stream.local_addr().unwrap().port();
    let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        tokio::select! {
            read = stream.read(&mut chunk) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => buffer.extend_from_slice(&chunk[..length]),
            },
            Some(push) = pushed.recv() => stream.write_all(&push).await.unwrap(),
        }
        while let Some((command, length)) = parse(&buffer) {
            buffer.drain(..length);
            let name = command[0].clone();
            let refused = rules.borrow().refused.get(&*name).cloned();
            let answer = match (refused, &*name) {
                (Some(line), _) => format!("{line}\r\n").into_bytes(),
                (_, "SSUBSCRIBE") if command[1] == "refused" => b"-NOPERM no\r\n".to_vec(),
                // While a slot moves away.
                (_, "SSUBSCRIBE") if command[1] == "interrupted" => {
                    [push(&["sunsubscribe", "moved", ":1"]), push(&["ssubscribe", &command[1], ":1"])]
                        .concat()
                }
                (_, "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE" | "SUNSUBSCRIBE") => {
                    push(&[&name.to_lowercase(), &command[1], ":1"])
                }
                (_, "CLUSTER") => {
                    format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n").into_bytes()
                }
                (_, "FORBIDDEN") => b"-NOPERM no\r\n".to_vec(),
                (_, "SILENT") => Vec::new(),
                _ => b"+OK\r\n".to_vec(),
            };
            let _ = told.send(command);
            let _ = rules.wait_for(|rules| !rules.held.contains(&*name)).await;
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// What a server says unasked; what begins with a colon is a number.
pub(crate) fn push(parts: &[&str]) -> Vec<u8> {
    let mut push = format!(">{}\r\n", parts.len());
    for part in parts {
        match part.starts_with(':') {
            true => push.push_str(&format!("{part}\r\n")),
            false => push.push_str(&format!("${}\r\n{part}\r\n", part.len())),
        }
    }
    push.into_bytes()
}

/// Reads one command, and says how long it was.
fn parse(buffer: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut at = 0;
    let count = number(buffer, &mut at)?;
    let mut command = Vec::new();
    for _ in 0..count {
        let length = number(buffer, &mut at)?;
        command.push(String::from_utf8(buffer.get(at..at + length)?.to_vec()).unwrap());
        at += length + 2;
    }
    (at <= buffer.len()).then_some((command, at))
}

fn number(buffer: &[u8], at: &mut usize) -> Option<usize> {
    let rest = buffer.get(*at + 1..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    *at += end + 3;
    std::str::from_utf8(&rest[..end]).unwrap().parse().ok()
}

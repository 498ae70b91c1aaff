use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::RedisServer;
use crate::connection::Plan;

/// Answers commands as it is told.
pub(super) struct Server {
    listener: Option<TcpListener>,
    url: String,
}

/// A client's connection, seen from the server.
pub(super) struct Client {
    /// The commands that came.
    pub(super) commands: mpsc::UnboundedReceiver<Vec<String>>,
    /// What goes out without having been asked for.
    pub(super) pushes: mpsc::UnboundedSender<Vec<u8>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        Self { listener: Some(listener), url }
    }

    pub(super) fn plan(&self) -> Arc<Plan> {
        Arc::new(Plan::new(&RedisServer::from(&self.url)).unwrap())
    }

    /// Waits for the next connection, whose commands are answered: those that subscribe by confirmations, those called
    /// `SILENT` not at all, all others by `OK`.
    pub(super) async fn accept(&self) -> Client {
        let (stream, _) = self.listener.as_ref().unwrap().accept().await.unwrap();
        let (told, commands) = mpsc::unbounded_channel();
        let (pushes, pushed) = mpsc::unbounded_channel();
        Client { commands, pushes, task: tokio::spawn(serve(stream, told, pushed)) }
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
    pub(super) async fn command(&mut self, name: &str) -> Vec<String> {
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
) {
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
            let answer = match &*command[0] {
                "SSUBSCRIBE" if command[1] == "refused" => b"-NOPERM no\r\n".to_vec(),
                // While a slot moves away.
                "SSUBSCRIBE" if command[1] == "interrupted" => {
                    [push(&["sunsubscribe", "moved", ":1"]), push(&["ssubscribe", &command[1], ":1"])]
                        .concat()
                }
                verb @ ("SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE") => {
                    push(&[&verb.to_lowercase(), &command[1], ":1"])
                }
                "FORBIDDEN" => b"-NOPERM no\r\n".to_vec(),
                "SILENT" => Vec::new(),
                _ => b"+OK\r\n".to_vec(),
            };
            let _ = told.send(command);
            stream.write_all(&answer).await.unwrap();
        }
    }
}

/// What a server says unasked; what begins with a colon is a number.
pub(super) fn push(parts: &[&str]) -> Vec<u8> {
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

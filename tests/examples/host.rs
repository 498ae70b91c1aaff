//! The host as a process: signals, a want of file descriptors, and the exit code.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::Client;
use crate::server::{PATH, PATIENCE, example};

/// The example, of whose output no line gets lost.
struct Host {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Host {
    async fn start() -> Self {
        Self::by(Command::new(example("host"))).await
    }

    async fn by(mut command: Command) -> Self {
        command.env("PORT", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let port = line.strip_prefix("listening on http://localhost:").unwrap().parse().unwrap();
        Self { child, lines, port }
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port)).await
    }

    async fn enter(&self) -> Client<TcpStream> {
        let request = format!("ws://localhost:{}{PATH}", self.port).into_client_request().unwrap();
        let mut client = Client::upgrade(self.connect().await.unwrap(), request).await;
        assert!(client.connect("", "").await, "{}", client.refusal);
        client
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &id]).status().await.unwrap().success());
    }

    /// Its exit status, and what it said after it listened.
    async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let mut said = Vec::new();
        while let Some(line) = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap() {
            said.push(line);
        }
        (timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap(), said)
    }

    /// The first line of the response to a probe.
    async fn probe(&self, path: &str) -> String {
        let mut tcp = self.connect().await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        timeout(PATIENCE, tcp.read_to_string(&mut response)).await.unwrap().unwrap();
        response.lines().next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn each_signal_ends_a_host_in_order() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let host = Host::start().await;
        let mut client = host.enter().await;
        assert_eq!(client.ask("count", ()).await, 101);
        host.signal(signal).await;
        client.closed().await;
        drop(client);
        let port = host.port;
        let (status, said) = host.ended().await;
        assert_eq!(
            (status.code(), said),
            (Some(0), vec!["counted to 101".to_owned(), "ended with 0".to_owned()])
        );
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_host_at_once() {
    let mut command = Command::new(example("host"));
    command.env("GRACE", "3600");
    let host = Host::by(command).await;
    let (mut first, mut second) = (host.enter().await, host.enter().await);
    host.signal("-TERM").await;
    // One is told to go now and the other in half an hour.
    tokio::select! {
        () = first.closed() => drop(first),
        () = second.closed() => drop(second),
    }
    assert_eq!(host.probe("/ready").await, "HTTP/1.1 503 Service Unavailable");
    host.signal("-TERM").await;
    let (status, said) = host.ended().await;
    assert_eq!(
        (status.code(), said),
        (Some(0), vec!["counted to 100".to_owned(), "ended with 0".to_owned()])
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_want_of_file_descriptors_does_not_end_a_host() {
    const MOST: usize = 40;
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {MOST} && exec \"$0\"")]).arg(example("host"));
    let host = Host::by(command).await;
    let mut client = host.enter().await;
    let mut crowd = Vec::new();
    for _ in 0..2 * MOST {
        crowd.push(host.connect().await.unwrap());
    }
    let open = format!("/proc/{}/fd", host.child.id().unwrap());
    let mut count = 100;
    let full = async {
        while std::fs::read_dir(&open).unwrap().count() < MOST {
            count += 1;
            assert_eq!(client.ask("count", ()).await, count);
        }
    };
    timeout(PATIENCE, full).await.unwrap();
    // Whoever is there is served, and whoever comes later is as soon as others have left.
    assert_eq!(client.ask("count", ()).await, count + 1);
    drop(crowd);
    assert_eq!(host.probe("/live").await, "HTTP/1.1 200 OK");
    host.signal("-TERM").await;
    client.closed().await;
    drop(client);
    assert_eq!(host.ended().await.0.code(), Some(0));
}

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::Client;

pub(crate) const PATH: &str = "/socket.io/?EIO=4&transport=websocket";
/// Nothing takes this long unless something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An example that runs; it ends with this value.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    pub(crate) async fn start_with(name: &str, variables: &[(&str, &str)]) -> Self {
        let path = example(name);
        let mut command = Command::new(&path);
        command.envs(variables.iter().copied());
        command.env("PORT", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap_or_else(|error| {
            panic!("{}: {error}; `cargo build --examples` makes it", path.display());
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
        assert!(line.starts_with("listening on http"), "{line}");
        Self { child, port }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends it what Ctrl-C does.
    #[cfg(unix)]
    pub(crate) async fn interrupt(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    }

    /// Waits until it has ended by itself, without an error.
    #[cfg(unix)]
    pub(crate) async fn ended(mut self) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }

    pub(crate) fn request(&self, path: &str) -> Request<()> {
        format!("ws://localhost:{}{path}", self.port).into_client_request().unwrap()
    }

    pub(crate) async fn client(&self) -> Client<TcpStream> {
        Client::upgrade(self.connect().await, self.request(PATH)).await
    }

    /// A client that has entered a namespace.
    pub(crate) async fn enter(&self, namespace: &str, auth: &str) -> Client<TcpStream> {
        let mut client = self.client().await;
        assert!(client.connect(namespace, auth).await, "{}", client.refusal);
        client
    }

    /// One request by a connection of its own: the status, the head and the body of the response.
    pub(crate) async fn http(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (u16, String, String) {
        let mut tcp = self.connect().await;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        tokio::time::timeout(PATIENCE, tcp.read_to_string(&mut response)).await.unwrap().unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
    }
}

/// Cargo builds the examples beside the directory of the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION)
}

//! A TCP stream read through a buffer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Far longer than any answer takes: what has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for something that has to happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("the option exists");
        Wire { stream, buffer: Vec::new() }
    }

    /// Writes all of it, unless the server has closed the connection: what it said before that is still to be read.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = within("the server to read", self.stream.write_all(bytes)).await;
    }

    /// The next `length` bytes, or `None` if the stream ends before.
    pub(crate) async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill().await {
                return None;
            }
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    /// Everything up to and with the delimiter, or `None` if the stream ends before.
    pub(crate) async fn take_until(&mut self, delimiter: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(delimiter.len()).position(|window| window == delimiter) {
                return self.take(at + delimiter.len()).await;
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Says that nothing more will be written.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Everything until the stream ends.
    pub(crate) async fn take_rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads once; `false` at the end of the stream, which a reset is as well.
    async fn fill(&mut self) -> bool {
        let read = within("the server to write", self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|read| read > 0)
    }
}

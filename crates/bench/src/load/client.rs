//! A Socket.IO client on a WebSocket, as small as it can be.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::frame;
use super::handshake::Target;

/// What all connections are read through: an idle one keeps no buffer.
const SCRATCH: usize = 64 * 1024;

/// Engine.IO's pong, masked with zeros.
pub(super) const PONG: &[u8] = &[0x81, 0x81, 0, 0, 0, 0, b'3'];

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// A client; of one that was [split](Client::split) the half that reads.
#[derive(Debug)]
pub(super) struct Client<S = TcpStream> {
    stream: S,
    /// What came of a frame that is not whole yet.
    rest: Vec<u8>,
}

impl Client {
    /// Opens a connection and enters the namespace `/`.
    ///
    /// # Errors
    ///
    /// If the server does not take it.
    pub(super) async fn connect(target: &Target, number: usize) -> io::Result<Self> {
        let mut client = Self::open(target, number).await?;
        client.enter("/").await?;
        Ok(client)
    }

    /// Opens a connection, in no namespace.
    ///
    /// # Errors
    ///
    /// If the server does not take it.
    pub(super) async fn open(target: &Target, number: usize) -> io::Result<Self> {
        let (stream, rest) = target.open(number).await?;
        let mut client = Self { stream, rest };
        client.wait_for("0{").await?;
        Ok(client)
    }

    /// Enters a namespace.
    ///
    /// # Errors
    ///
    /// If the server closes instead.
    pub(super) async fn enter(&mut self, namespace: &str) -> io::Result<()> {
        let prefix = prefix(namespace);
        self.send(&frame::text(&format!("40{prefix}"))).await?;
        self.wait_for(&format!("40{prefix}{{")).await
    }

    /// Asks for an acknowledgement with the id 1 and gives what it says, without the brackets around it.
    ///
    /// # Errors
    ///
    /// If the server closes instead.
    pub(super) async fn ask(&mut self, arguments: &str) -> io::Result<String> {
        self.send(&frame::text(&format!("421{arguments}"))).await?;
        let answer = self.wait_for_any(b"431[").await?;
        let text = String::from_utf8(answer).map_err(io::Error::other)?;
        Ok(text["431[".len()..].trim_end_matches(']').to_owned())
    }

    /// Sends whole frames.
    ///
    /// # Errors
    ///
    /// If the connection is gone.
    pub(super) async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Gives each packet that comes, waiting for at least some bytes. Pings are answered instead; whether there was one
    /// is what it returns.
    ///
    /// # Errors
    ///
    /// If the connection is gone.
    pub(super) async fn packets(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut pinged = false;
        self.read(|packet| if packet == b"2" { pinged = true } else { each(packet) }).await?;
        if pinged {
            self.send(PONG).await?;
        }
        Ok(pinged)
    }

    /// Reads and answers pings, and counts them, until the connection is gone, which is how it returns.
    ///
    /// # Errors
    ///
    /// That error, always.
    pub(super) async fn idle(mut self, pings: Rc<Cell<u64>>) -> io::Result<()> {
        loop {
            let pinged = self.packets(|_| {}).await?;
            pings.set(pings.get() + u64::from(pinged));
        }
    }

    /// Ends the connection by a reset, so that its port is free at once.
    ///
    /// # Errors
    ///
    /// If the kernel does not take the option.
    pub(super) fn cut(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Takes reading and writing apart; then whoever reads sees the pings.
    pub(super) fn split(self) -> (Client<OwnedReadHalf>, OwnedWriteHalf) {
        let (reader, writer) = self.stream.into_split();
        (Client { stream: reader, rest: self.rest }, writer)
    }

    async fn wait_for(&mut self, start: &str) -> io::Result<()> {
        self.wait_for_any(start.as_bytes()).await.map(drop)
    }

    /// The first packet that begins so; those before it are dropped, and those that came together with it.
    async fn wait_for_any(&mut self, start: &[u8]) -> io::Result<Vec<u8>> {
        let (mut found, mut pinged) = (None, false);
        let mut look = |packet: &[u8]| {
            // A ping may come together with the answer to the handshake.
            pinged |= packet == b"2";
            if found.is_none() && packet.starts_with(start) {
                found = Some(packet.to_vec());
            }
        };
        let used = frame::read(&self.rest, &mut look)?;
        self.rest.drain(..used);
        self.rest.shrink_to_fit();
        loop {
            if std::mem::take(&mut pinged) {
                self.send(PONG).await?;
            }
            if let Some(found) = found {
                return Ok(found);
            }
            self.read(|packet| {
                pinged |= packet == b"2";
                if found.is_none() && packet.starts_with(start) {
                    found = Some(packet.to_vec());
                }
            })
            .await?;
        }
    }
}

impl<S: AsyncRead + Unpin> Client<S> {
    /// Gives each packet that comes, waiting for at least some bytes, pings included.
    ///
    /// # Errors
    ///
    /// If the connection is gone.
    pub(super) async fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        poll_fn(|cx| self.poll_read(cx, &mut each)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, each: &mut impl FnMut(&[u8])) -> Poll<io::Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            if bytes.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if self.rest.is_empty() {
                let used = frame::read(bytes, each)?;
                self.rest.extend_from_slice(&bytes[used..]);
            } else {
                self.rest.extend_from_slice(bytes);
                let used = frame::read(&self.rest, each)?;
                self.rest.drain(..used);
            }
            Poll::Ready(Ok(()))
        })
    }
}

/// Sends whole frames by the half that writes.
///
/// # Errors
///
/// If the connection is gone.
pub(super) async fn send(writer: &OwnedWriteHalf, mut frames: &[u8]) -> io::Result<()> {
    while !frames.is_empty() {
        match writer.try_write(frames) {
            Ok(written) => frames = &frames[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => writer.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What stands before a packet's arguments for its namespace: nothing for `/`, else its name and a comma.
pub(super) fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_ping_that_comes_with_the_handshake_is_answered() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = Target { address: listener.local_addr().unwrap(), browser: true, spread: true };
        let server = async {
            let (mut stream, client) = listener.accept().await.unwrap();
            assert_eq!(client.ip(), Ipv4Addr::new(127, 0, 0, 2));
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            assert!(String::from_utf8(request).unwrap().contains("Cookie: "));
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x020{\x81\x012").await.unwrap();
            let expected = [PONG, &frame::text("40")].concat();
            let mut sent = vec![0; expected.len()];
            stream.read_exact(&mut sent).await.unwrap();
            assert_eq!(sent, expected);
            stream.write_all(b"\x81\x0340{").await.unwrap();
        };
        let (client, ()) = tokio::join!(Client::connect(&target, 0), server);
        client.unwrap();
    }
}

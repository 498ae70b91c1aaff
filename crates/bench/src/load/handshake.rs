//! The request that opens a WebSocket, and where it is sent.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How many connections one source address is used for; it has some 28 000 ports.
const PER_SOURCE: usize = 5000;

/// What a browser's request has beside what a WebSocket needs, some 500 bytes.
const BROWSER: &str = "Pragma: no-cache\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\nOrigin: https://shop.example.com\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=6f1c2a7be0d94f5d8a3b7c1e9f0d2b4a; theme=dark; consent=analytics%3D0%26ads%3D0; \
    visitor=GA1.2.1830012345.1764160000\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// Where clients connect to, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// Whether the request has the headers of a browser's.
    pub(super) browser: bool,
    /// Whether connections come from several loopback addresses, 127.0.0.2 and so on.
    pub(super) spread: bool,
}

impl Target {
    /// Opens a WebSocket for the client of this number, and gives what the server sent behind its answer.
    ///
    /// # Errors
    ///
    /// If there is no connection, or the answer is not 101.
    pub(super) async fn open(&self, number: usize) -> io::Result<(TcpStream, Vec<u8>)> {
        let mut stream = self.connect(number).await?;
        let (address, browser) = (self.address, if self.browser { BROWSER } else { "" });
        // Every handshake has the same key: the floor knows its answer by heart.
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{browser}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(512);
        loop {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            if !answer.starts_with(b"HTTP/1.1 101 ") {
                return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
            }
            answer.drain(..end + 4);
            return Ok((stream, answer));
        }
    }

    /// A TCP connection for the client of this number.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(super) async fn connect(&self, number: usize) -> io::Result<TcpStream> {
        let stream = if self.spread {
            let socket = TcpSocket::new_v4()?;
            let source = u8::try_from(2 + number / PER_SOURCE).map_err(io::Error::other)?;
            socket.bind((Ipv4Addr::new(127, 0, 0, source), 0).into())?;
            let stream = socket.connect(self.address).await?;
            // Ended by a reset: a port that waits for its end to be forgotten is none for the next run.
            stream.set_zero_linger()?;
            stream
        } else {
            TcpStream::connect(self.address).await?
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

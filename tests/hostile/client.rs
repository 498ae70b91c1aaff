//! A client made of a TCP socket alone.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;

/// One end of a TCP connection, and what it has read too early.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Peer {
    pub(crate) async fn dial(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, unread: Vec::new() }
    }

    /// A peer in whose kernel next to nothing fits.
    pub(crate) async fn dial_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a TCP socket");
        let stream = socket.connect(address).await.expect("the server listens");
        Self { stream, unread: Vec::new() }
    }

    // ---- HTTP

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Reads until the text is there; gives what came up to its end.
    async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                let rest = self.unread.split_off(at + end.len());
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n").await?).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse::<usize>().expect("a length"));
        while status != 101 && self.unread.len() < length {
            self.more().await?;
        }
        let rest = self.unread.split_off(if status == 101 { 0 } else { length });
        let body = std::mem::replace(&mut self.unread, rest);
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    pub(crate) async fn ask_get(&mut self, query: &str) -> io::Result<()> {
        self.write(format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: h\r\n\r\n")).await
    }

    pub(crate) async fn get(&mut self, query: &str) -> io::Result<Answer> {
        self.ask_get(query).await?;
        self.answer().await
    }

    pub(crate) async fn post(&mut self, query: &str, body: &str) -> io::Result<Answer> {
        let length = body.len();
        let head = format!("POST /socket.io/?{query} HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\n");
        self.write(format!("{head}Content-Length: {length}\r\n\r\n{body}")).await?;
        self.answer().await
    }

    /// Opens a polling session; gives the query of its further requests.
    pub(crate) async fn open_polling(&mut self, version: u8) -> io::Result<String> {
        let answer = self.get(&format!("EIO={version}&transport=polling")).await?;
        let sid = answer.body.split(r#""sid":""#).nth(1).and_then(|rest| rest.split('"').next());
        let sid = sid.ok_or_else(|| io::Error::other(answer.body.clone()))?;
        Ok(format!("EIO={version}&transport=polling&sid={sid}"))
    }

    /// Opens a polling session and enters `/`.
    pub(crate) async fn enter_polling(&mut self) -> io::Result<String> {
        let query = self.open_polling(4).await?;
        assert_eq!(self.post(&query, "40").await?.status, 200);
        let entered = self.get(&query).await?;
        assert!(entered.body.starts_with("40{"), "{entered:?}");
        Ok(query)
    }

    pub(crate) async fn ask_upgrade(&mut self, query: &str) -> io::Result<()> {
        self.write(format!(
            "GET /socket.io/?{query} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
        .await
    }

    // ---- WebSocket

    /// Opens a WebSocket and reads the OPEN packet.
    pub(crate) async fn open(&mut self, version: u8) -> io::Result<()> {
        self.ask_upgrade(&format!("EIO={version}&transport=websocket")).await?;
        let answer = self.answer().await?;
        if answer.status != 101 {
            return Err(io::Error::other(answer.body));
        }
        self.expect("0{").await
    }

    /// Opens a WebSocket and enters `/`.
    pub(crate) async fn enter(&mut self) -> io::Result<()> {
        self.open(4).await?;
        self.say("40").await?;
        self.expect("40{").await
    }

    async fn expect(&mut self, start: &str) -> io::Result<()> {
        let text = self.text().await?;
        if text.starts_with(start) { Ok(()) } else { Err(io::Error::other(text)) }
    }

    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.write(frame(TEXT, text)).await
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let (head, length) = match self.unread.as_slice() {
                [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
                [_, 127, a, b, c, d, e, f, g, h, ..] => {
                    let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                    (10, usize::try_from(length).expect("a length"))
                }
                [_, length, ..] if *length < 126 => (2, usize::from(*length)),
                _ => (0, 0),
            };
            if head > 0 && self.unread.len() >= head + length {
                let rest = self.unread.split_off(head + length);
                let whole = std::mem::replace(&mut self.unread, rest);
                return Ok((whole[0] & 15, whole[head..].to_vec()));
            }
            self.more().await?;
        }
    }

    /// The next text message; the server's pings are answered on the way.
    pub(crate) async fn text(&mut self) -> io::Result<String> {
        loop {
            match self.frame().await? {
                (TEXT, text) if text == b"2" => self.say("3").await?,
                (TEXT, text) => return Ok(String::from_utf8(text).expect("valid UTF-8")),
                (CLOSE, _) => return Err(io::ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
    }

    /// Answers pings until the server ends the connection.
    pub(crate) async fn ended(&mut self) {
        while self.text().await.is_ok() {}
    }

    /// Reads and drops everything until the end of the stream; says how much.
    pub(crate) async fn drain(&mut self) -> io::Result<usize> {
        let (mut buffer, mut total) = (vec![0; 64 * 1024], self.unread.len());
        loop {
            match self.stream.read(&mut buffer).await? {
                0 => return Ok(total),
                read => total += read,
            }
        }
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }
}

/// A masked frame; the mask is zero.
pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = header(opcode, payload.len());
    out.extend_from_slice(payload);
    out
}

/// A frame's header alone.
pub(crate) fn header(opcode: u8, length: usize) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match length {
        0..126 => out.push(0x80 | u8::try_from(length).expect("a small length")),
        126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(length).expect("a length of 16 bits").to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out
}

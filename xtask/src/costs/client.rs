//! A client that needs nothing but a socket, and does one thing after the other.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::chores::Result;

/// Nothing takes so long, even under a tool that slows the server down a hundredfold.
const PATIENCE: Duration = Duration::from_secs(120);

const REQUEST: &[u8] = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n\
    Host: localhost\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";

pub(super) struct Client {
    tcp: TcpStream,
    /// What was read and not yet looked at.
    buffer: Vec<u8>,
}

impl Client {
    /// Opens a WebSocket and enters the namespace `/`.
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { tcp, buffer: Vec::new() };
        client.tcp.write_all(REQUEST)?;
        let end = loop {
            if let Some(end) = client.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            client.fill()?;
        };
        if !client.buffer.starts_with(b"HTTP/1.1 101 ") {
            return Err("the server opens no WebSocket".into());
        }
        client.buffer.drain(..end);
        client.expect("0{")?;
        client.send("40")?;
        client.expect("40{")?;
        Ok(client)
    }

    /// Sends a short text. Its mask is zero, so that it can be read in a trace of the server's system calls.
    pub(super) fn send(&mut self, text: &str) -> Result {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).ok_or("a long text")?;
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        Ok(self.tcp.write_all(&frame)?)
    }

    /// Waits for a text that starts so, and answers the pings before it.
    pub(super) fn expect(&mut self, start: &str) -> Result {
        loop {
            let text = self.read()?;
            if text == "2" {
                self.send("3")?;
            } else if text.starts_with(start) {
                return Ok(());
            } else {
                return Err(format!("the server sent {text:?} instead of {start:?}").into());
            }
        }
    }

    /// Leaves, and waits until the server has noticed.
    pub(super) fn leave(mut self) -> Result {
        self.tcp.shutdown(Shutdown::Write)?;
        while self.tcp.read(&mut [0; 256])? > 0 {}
        Ok(())
    }

    fn read(&mut self) -> Result<String> {
        loop {
            if let [_, length, ..] = *self.buffer
                && self.buffer.len() >= 2 + usize::from(length)
            {
                let end = 2 + usize::from(length);
                let text = String::from_utf8(self.buffer[2..end].to_vec())?;
                self.buffer.drain(..end);
                return Ok(text);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result {
        let mut bytes = [0; 1024];
        match self.tcp.read(&mut bytes)? {
            0 => Err("the server hung up".into()),
            read => {
                self.buffer.extend_from_slice(&bytes[..read]);
                Ok(())
            }
        }
    }
}

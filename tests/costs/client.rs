use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A client that needs nothing of the library's.
pub(crate) struct Client {
    tcp: TcpStream,
    /// What was read and not yet looked at.
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, headers: &str) -> Self {
        let tcp = TcpStream::connect(address).expect("the server listens");
        tcp.set_nodelay(true).expect("an option of TCP");
        tcp.set_read_timeout(Some(Duration::from_secs(30))).expect("an option of TCP");
        let mut client = Self { tcp, buffer: Vec::new() };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
            Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n{headers}\r\n"
        );
        client.tcp.write_all(request.as_bytes()).expect("the server reads");
        let end = loop {
            if let Some(end) = client.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            client.fill();
        };
        assert!(client.buffer.starts_with(b"HTTP/1.1 101"), "no WebSocket");
        client.buffer.drain(..end);
        assert!(client.read().starts_with('0'));
        client.send("40");
        assert!(client.read().starts_with("40"));
        // What is let go of once it is in, is.
        client.send(r#"420["ready"]"#);
        client.expect("430[]");
        client
    }

    /// Sends an event so many times and waits for its answer each time.
    pub(crate) fn ask(&mut self, times: usize, event: &str, answer: &str) {
        for _ in 0..times {
            self.send(event);
            self.expect(answer);
        }
    }

    /// Sends a short text, masked with zeros.
    pub(crate) fn send(&mut self, text: &str) {
        let length = u8::try_from(text.len()).expect("a short text");
        assert!(length < 126);
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.tcp.write_all(&frame).expect("the server reads");
    }

    pub(crate) fn expect(&mut self, text: &str) {
        assert_eq!(self.read(), text);
    }

    fn read(&mut self) -> String {
        while self.buffer.len() < 2 || self.buffer.len() < 2 + self.length() {
            self.fill();
        }
        let end = 2 + self.length();
        let text = String::from_utf8(self.buffer[2..end].to_vec()).expect("text");
        self.buffer.drain(..end);
        text
    }

    fn length(&self) -> usize {
        assert!(self.buffer[1] < 126, "a short text");
        self.buffer[1].into()
    }

    fn fill(&mut self) {
        let mut bytes = [0; 1024];
        let read = self.tcp.read(&mut bytes).expect("the server writes");
        assert!(read > 0, "the server hung up");
        self.buffer.extend_from_slice(&bytes[..read]);
    }
}

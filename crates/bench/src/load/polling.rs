//! A Socket.IO client on HTTP long-polling, with one connection that it keeps.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::handshake::Target;

/// What stands between the packets of one payload.
const SEPARATOR: char = '\u{1e}';

/// A client that is in the namespace `/`.
#[derive(Debug)]
pub(super) struct Poller {
    stream: TcpStream,
    address: String,
    sid: String,
    answer: Vec<u8>,
}

impl Poller {
    /// Opens a session and enters the namespace `/`.
    ///
    /// # Errors
    ///
    /// If the server does not take it.
    pub(super) async fn connect(target: &Target, number: usize) -> io::Result<Self> {
        let stream = target.connect(number).await?;
        let address = target.address.to_string();
        let mut poller = Self { stream, address, sid: String::new(), answer: Vec::new() };
        let open = poller.get().await?;
        let sid = open.split_once(r#""sid":""#).and_then(|(_, rest)| rest.split_once('"'));
        poller.sid = format!("&sid={}", sid.ok_or_else(|| io::Error::other("no session"))?.0);
        poller.post("40").await?;
        poller.wait_for(|packet| packet.starts_with("40{")).await?;
        Ok(poller)
    }

    /// Sends a packet.
    ///
    /// # Errors
    ///
    /// If the server does not take it.
    pub(super) async fn post(&mut self, packet: &str) -> io::Result<()> {
        let Self { address, sid, .. } = self;
        let length = packet.len();
        let request = format!(
            "POST /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: {address}\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{packet}"
        );
        self.exchange(&request).await.map(drop)
    }

    /// Polls until such a packet comes; pings are answered, others dropped.
    ///
    /// # Errors
    ///
    /// If the session is gone.
    pub(super) async fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        loop {
            let body = self.get().await?;
            if body.split(SEPARATOR).any(|packet| packet == "2") {
                self.post("3").await?;
            }
            if body.split(SEPARATOR).any(&wanted) {
                return Ok(());
            }
        }
    }

    async fn get(&mut self) -> io::Result<String> {
        let Self { address, sid, .. } = self;
        let request =
            format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        self.exchange(&request).await
    }

    /// Sends a request and gives the body of the answer.
    async fn exchange(&mut self, request: &str) -> io::Result<String> {
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = std::str::from_utf8(&self.answer).map_err(io::Error::other)?;
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            if !head.starts_with("HTTP/1.1 200 ") {
                return Err(io::Error::other(text.to_owned()));
            }
            if let Some(body) = body(head, rest)? {
                return Ok(body);
            }
        }
    }
}

/// The body behind a head, once it is whole.
fn body(head: &str, rest: &str) -> io::Result<Option<String>> {
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(io::Error::other)?;
            return Ok(rest.get(..length).map(str::to_owned));
        }
    }
    chunks(rest)
}

/// The same of a body in chunks.
fn chunks(mut rest: &str) -> io::Result<Option<String>> {
    let mut body = String::new();
    while let Some((length, behind)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(Some(body));
        }
        let (Some(chunk), Some(next)) = (behind.get(..length), behind.get(length + 2..)) else { break };
        body.push_str(chunk);
        rest = next;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_there_once_it_is_whole() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2";
        assert_eq!(body(head, "o").unwrap(), None);
        assert_eq!(body(head, "ok").unwrap().as_deref(), Some("ok"));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
        let whole = "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(body(chunked, whole).unwrap().as_deref(), Some("abc0123456789"));
        for end in 0..whole.len() - 4 {
            assert_eq!(body(chunked, &whole[..end]).unwrap(), None, "{end}");
        }
    }
}

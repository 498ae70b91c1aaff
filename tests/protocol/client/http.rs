//! HTTP/1.1, one request at a time.

use std::net::SocketAddr;

use super::wire::Wire;

/// A request that is sent as it is written: nothing checks it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, target: &str) -> Self {
        Request {
            method,
            target: target.into(),
            headers: vec![("Host", "localhost".into())],
            body: Vec::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Request::new("GET", target)
    }

    /// A POST with the content type of the official client.
    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Request::new("POST", target)
            .header("Content-Type", "text/plain;charset=UTF-8")
            .header("Content-Length", body.len().to_string())
            .body(body)
    }

    /// Sets a header, in place of one with the same name.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The line `HTTP/1.1 200 OK`.
    pub(crate) status_line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header that may be sent once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice in {self:?}");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// Asserts everything a client sees of an Engine.IO error over polling.
    pub(crate) fn assert_error(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.text()), (status, body), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
    }

    /// Whether the session of the request does not exist.
    pub(crate) fn is_unknown_session(&self) -> bool {
        self.status == 400 && self.body == br#"{"code":1,"message":"Session ID unknown"}"#
    }

    fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A connection kept alive from request to request.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    /// `None` after the server has closed it.
    wire: Option<Wire>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Connection { address, wire: Some(Wire::open(address).await) }
    }

    /// Sends a request and reads its response, on a new connection if the server has closed this one.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Response {
        self.send(request).await;
        self.receive()
            .await
            .unwrap_or_else(|| panic!("the connection ended instead of a response to {request:?}"))
    }

    pub(crate) async fn send(&mut self, request: &Request) {
        self.write(&request.to_bytes()).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let wire = match &mut self.wire {
            Some(wire) => wire,
            none => none.insert(Wire::open(self.address).await),
        };
        wire.write(bytes).await;
    }

    /// The next response, `None` if the server closes the connection instead.
    pub(crate) async fn receive(&mut self) -> Option<Response> {
        let mut wire = self.wire.take().expect("a request was sent");
        let response = read_response(&mut wire).await?;
        if !response.is_last() {
            self.wire = Some(wire);
        }
        Some(response)
    }
}

/// A request on a connection of its own.
pub(crate) async fn fetch(address: SocketAddr, request: &Request) -> Response {
    Connection::open(address).await.exchange(request).await
}

pub(super) async fn read_response(wire: &mut Wire) -> Option<Response> {
    let head = wire.take_until(b"\r\n\r\n").await?;
    let head = String::from_utf8(head).expect("the head is ASCII");
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().expect("a status line").to_owned();
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_owned(), value.trim().to_owned())
    });
    let mut response = Response { status, status_line, headers: headers.collect(), body: Vec::new() };
    response.body = read_body(wire, &response).await?;
    Some(response)
}

async fn read_body(wire: &mut Wire, response: &Response) -> Option<Vec<u8>> {
    if response.status < 200 || response.status == 204 || response.status == 304 {
        return Some(Vec::new());
    }
    if let Some(length) = response.header("content-length") {
        return wire.take(length.parse().expect("a length")).await;
    }
    if response.header("transfer-encoding") != Some("chunked") {
        return Some(wire.take_rest().await);
    }
    let mut body = Vec::new();
    loop {
        let line = String::from_utf8(wire.take_until(b"\r\n").await?).expect("a chunk's length is ASCII");
        let length = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's length");
        let chunk = wire.take(length + 2).await?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

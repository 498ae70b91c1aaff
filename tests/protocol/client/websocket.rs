//! A WebSocket connection.

use std::net::SocketAddr;

use super::frame::{Frame, opcode};
use super::http::{Request, Response, read_response};
use super::packet::Packet;
use super::polling::session_id;
use super::version::{Transport, Version};
use super::wire::Wire;

#[derive(Debug)]
pub(crate) struct WebSocket {
    version: Version,
    /// The response with status 101.
    pub(crate) response: Response,
    wire: Wire,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a Close frame, and its code if it had one.
    Close(Option<u16>),
    /// Without a Close frame.
    Cut,
}

impl WebSocket {
    /// The request of an upgrade; the key is RFC 6455's own example.
    pub(crate) fn request(target: &str) -> Request {
        Request::get(target)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Opens a session, and drops its OPEN packet.
    pub(crate) async fn open(address: SocketAddr, version: Version) -> Self {
        WebSocket::open_with(address, version, "").await
    }

    /// Opens a session with more in the query.
    pub(crate) async fn open_with(address: SocketAddr, version: Version, extra: &str) -> Self {
        let mut websocket = WebSocket::connect(address, version, extra).await;
        session_id(&websocket.packet().await);
        websocket
    }

    /// Starts the upgrade of a session.
    pub(crate) async fn probe(address: SocketAddr, version: Version, sid: &str) -> Self {
        WebSocket::connect(address, version, &format!("&sid={sid}")).await
    }

    /// Connects, and leaves the OPEN packet to be read.
    pub(crate) async fn connect(address: SocketAddr, version: Version, extra: &str) -> Self {
        let target = version.target(Transport::WebSocket) + extra;
        match WebSocket::attempt(address, version, &WebSocket::request(&target)).await {
            Ok(websocket) => websocket,
            Err(response) => panic!("no WebSocket at {target}: {response:?}"),
        }
    }

    /// Connects with a given request; `Err` is any response but 101.
    pub(crate) async fn attempt(
        address: SocketAddr,
        version: Version,
        request: &Request,
    ) -> Result<Self, Response> {
        let mut wire = Wire::open(address).await;
        wire.write(&request.to_bytes()).await;
        let response = read_response(&mut wire).await.expect("a response to an upgrade");
        if response.status != 101 {
            return Err(response);
        }
        assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Ok(WebSocket { version, response, wire })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.wire.write(bytes).await;
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.write(&frame.encode()).await;
    }

    /// Sends frames in one segment.
    pub(crate) async fn send_all(&mut self, frames: &[Frame]) {
        self.write(&frames.iter().flat_map(Frame::encode).collect::<Vec<_>>()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(&Frame::text(text)).await;
    }

    /// Sends a packet in one frame.
    pub(crate) async fn send_packet(&mut self, packet: &Packet) {
        self.send(&self.frame_of(packet)).await;
    }

    /// Sends packets in one segment.
    pub(crate) async fn send_packets(&mut self, packets: &[Packet]) {
        let frames: Vec<_> = packets.iter().map(|packet| self.frame_of(packet)).collect();
        self.send_all(&frames).await;
    }

    /// The next frame of any kind.
    pub(crate) async fn frame(&mut self) -> Frame {
        Frame::read(&mut self.wire).await.expect("the server keeps the connection open")
    }

    /// The next packet; a control frame fails the test.
    pub(crate) async fn packet(&mut self) -> Packet {
        let frame = self.frame().await;
        self.packet_of(&frame)
    }

    /// The next packet, which has to be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.packet().await {
            Packet::Text(text) => text,
            binary @ Packet::Binary(_) => panic!("expected text: {binary:?}"),
        }
    }

    /// The next packet, or how the connection ended.
    pub(crate) async fn packet_or_end(&mut self) -> Result<Packet, End> {
        let Some(frame) = Frame::read(&mut self.wire).await else {
            return Err(End::Cut);
        };
        if frame.opcode != opcode::CLOSE {
            return Ok(self.packet_of(&frame));
        }
        // The closing handshake is ours to complete.
        self.send(&Frame::new(opcode::CLOSE, frame.payload.clone())).await;
        self.wire.finish().await;
        assert_eq!(self.wire.take_rest().await, b"", "nothing follows a Close frame");
        Err(End::Close(frame.close_code()))
    }

    /// Asserts that the connection ends without another packet, and says how.
    pub(crate) async fn end(&mut self) -> End {
        match self.packet_or_end().await {
            Ok(packet) => panic!("the connection goes on: {packet:?}"),
            Err(end) => end,
        }
    }

    /// Joins the root namespace, and drops what the server has to say on that occasion.
    pub(crate) async fn join(&mut self) {
        if self.version == Version::Four {
            self.send_text("40").await;
        }
        assert!(self.text().await.starts_with("40"));
        assert_eq!(self.text().await, r#"42["auth",{}]"#);
    }

    /// Opens a session and joins the root namespace.
    pub(crate) async fn joined(address: SocketAddr, version: Version) -> Self {
        let mut websocket = WebSocket::open(address, version).await;
        websocket.join().await;
        websocket
    }

    /// Asserts that the session answers an event.
    pub(crate) async fn assert_alive(&mut self) {
        self.send_text(r#"42["message","still here"]"#).await;
        assert_eq!(self.text().await, r#"42["message-back","still here"]"#);
    }

    fn frame_of(&self, packet: &Packet) -> Frame {
        match (packet, self.version) {
            (Packet::Text(text), _) => Frame::text(text),
            (Packet::Binary(data), Version::Four) => Frame::binary(data.clone()),
            (Packet::Binary(data), Version::Three) => Frame::binary([&[4], data.as_slice()].concat()),
        }
    }

    fn packet_of(&self, frame: &Frame) -> Packet {
        assert!(frame.is_final(), "the server has no reason to send fragments");
        match frame.opcode {
            opcode::TEXT => Packet::text(std::str::from_utf8(&frame.payload).expect("a text frame is UTF-8")),
            opcode::BINARY if self.version == Version::Four => Packet::binary(frame.payload.clone()),
            opcode::BINARY => Packet::binary(frame.payload.strip_prefix(&[4]).expect("a message")),
            _ => panic!("expected a packet: {frame:?}"),
        }
    }
}

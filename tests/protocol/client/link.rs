//! A session over either transport, as Socket.IO sees it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::http::Request;
use super::packet::{Packet, encode_payload};
use super::polling::Polling;
use super::version::{Transport, Version, Way};
use super::websocket::WebSocket;

#[derive(Debug)]
pub(crate) struct Link {
    version: Version,
    carrier: Carrier,
    received: VecDeque<Packet>,
}

#[derive(Debug)]
enum Carrier {
    Polling(Box<Polling>),
    WebSocket(Box<WebSocket>),
}

impl Link {
    /// Opens an Engine.IO session.
    pub(crate) async fn open(address: SocketAddr, way: Way) -> Self {
        let carrier = match way.transport {
            Transport::Polling => Carrier::Polling(Polling::open(address, way.version).await.into()),
            Transport::WebSocket => Carrier::WebSocket(WebSocket::open(address, way.version).await.into()),
        };
        Link { version: way.version, carrier, received: VecDeque::new() }
    }

    /// Opens a session in the root namespace.
    pub(crate) async fn joined(address: SocketAddr, way: Way) -> Self {
        let mut link = Link::open(address, way).await;
        if way.version == Version::Four {
            link.send("40").await;
        }
        assert!(link.text().await.starts_with("40"));
        assert_eq!(link.text().await, r#"42["auth",{}]"#);
        link
    }

    /// Opens a session in the root namespace and another one.
    pub(crate) async fn joined_to(address: SocketAddr, way: Way, namespace: &str) -> Self {
        let mut link = Link::joined(address, way).await;
        link.join(namespace).await;
        link
    }

    /// Joins a namespace other than the root.
    pub(crate) async fn join(&mut self, namespace: &str) {
        self.send(&format!("40{namespace},")).await;
        assert!(self.text().await.starts_with(&format!("40{namespace},")));
        assert_eq!(self.text().await, format!(r#"42{namespace},["auth",{{}}]"#));
    }

    /// Sends a text packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        self.send_all(&[Packet::text(packet)]).await;
    }

    /// Sends packets at once: one payload, or one segment.
    pub(crate) async fn send_all(&mut self, packets: &[Packet]) {
        match &mut self.carrier {
            Carrier::Polling(polling) => polling.post(packets).await,
            Carrier::WebSocket(websocket) => websocket.send_packets(packets).await,
        }
    }

    /// Sends packets at once which may make the server close the session, so that a POST with them may be answered by
    /// 400 or not at all.
    pub(crate) async fn send_dubious(&mut self, packets: &[Packet]) {
        match &mut self.carrier {
            Carrier::Polling(polling) => {
                let request = Request::post(&polling.target(), encode_payload(packets, self.version));
                let status = polling.try_post(&request).await.map_or(400, |response| response.status);
                assert!(status == 200 || status == 400, "the status {status}");
            }
            Carrier::WebSocket(websocket) => websocket.send_packets(packets).await,
        }
    }

    /// Sends packets at once, and asserts that the session ends over them without a word.
    pub(crate) async fn assert_closed_by(mut self, packets: &[Packet]) {
        self.send_dubious(packets).await;
        self.assert_ends().await;
    }

    /// The next packet, but for the NOOPs that end a poll.
    pub(crate) async fn packet(&mut self) -> Packet {
        loop {
            let packet = self.packet_or_end().await.expect("the session goes on");
            if packet != Packet::text("6") {
                return packet;
            }
        }
    }

    /// The next packet, which has to be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.packet().await {
            Packet::Text(text) => text,
            binary @ Packet::Binary(_) => panic!("expected text: {binary:?}"),
        }
    }

    /// Asserts that these are the next packets.
    pub(crate) async fn assert_receives(&mut self, packets: &[Packet]) {
        for packet in packets {
            assert_eq!(&self.packet().await, packet);
        }
    }

    /// Asserts that the session answers events in the root namespace, and sends nothing before.
    pub(crate) async fn assert_alive(&mut self) {
        self.send(r#"42["message","still here"]"#).await;
        assert_eq!(self.text().await, r#"42["message-back","still here"]"#);
    }

    /// Asserts that the session ends without another message.
    pub(crate) async fn assert_ends(&mut self) {
        while let Some(packet) = self.packet_or_end().await {
            assert!(packet == Packet::text("6") || packet == Packet::text("1"), "{packet:?}");
        }
    }

    /// The next packet, `None` once the session is gone.
    async fn packet_or_end(&mut self) -> Option<Packet> {
        if self.received.is_empty() {
            match &mut self.carrier {
                Carrier::WebSocket(websocket) => return websocket.packet_or_end().await.ok(),
                Carrier::Polling(polling) => self.received = polling.poll_or_gone().await?.into(),
            }
        }
        self.received.pop_front()
    }
}

//! A session over polling.

use std::net::SocketAddr;

use super::http::{Connection, Request, Response, fetch};
use super::packet::{Packet, decode_payload, encode_payload};
use super::version::{Transport, Version};
use crate::support::reference;

#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) version: Version,
    pub(crate) sid: String,
    address: SocketAddr,
    /// The query goes on with it, `&b64=1` for example.
    extra: String,
    polls: Connection,
    posts: Connection,
    /// What came with the handshake.
    early: Vec<Packet>,
}

impl Polling {
    /// Opens a session.
    pub(crate) async fn open(address: SocketAddr, version: Version) -> Self {
        Polling::open_with(address, version, "").await
    }

    /// Opens a session whose every request has more in its query.
    pub(crate) async fn open_with(address: SocketAddr, version: Version, extra: &str) -> Self {
        let mut polls = Connection::open(address).await;
        let target = version.target(Transport::Polling) + extra;
        let mut early = packets(&polls.exchange(&Request::get(&target)).await, version);
        let sid = session_id(&early.remove(0));
        let posts = Connection::open(address).await;
        Polling { version, sid, address, extra: extra.into(), polls, posts, early }
    }

    /// The target of the session's requests.
    pub(crate) fn target(&self) -> String {
        format!("{}&sid={}{}", self.version.target(Transport::Polling), self.sid, self.extra)
    }

    /// The packets of the next poll.
    pub(crate) async fn poll(&mut self) -> Vec<Packet> {
        self.poll_or_gone().await.expect("the session lives")
    }

    /// The packets of the next poll, `None` if the session is gone.
    pub(crate) async fn poll_or_gone(&mut self) -> Option<Vec<Packet>> {
        if !self.early.is_empty() {
            return Some(std::mem::take(&mut self.early));
        }
        let response = self.poll_response().await;
        (!response.is_unknown_session()).then(|| packets(&response, self.version))
    }

    pub(crate) async fn poll_response(&mut self) -> Response {
        self.polls.exchange(&Request::get(&self.target())).await
    }

    /// Sends a poll that the server has nothing to answer with, and returns once the server has it.
    pub(crate) async fn park(&mut self) {
        self.polls.send(&Request::get(&self.target())).await;
        self.settle().await;
    }

    /// The response to the poll that was parked.
    pub(crate) async fn parked(&mut self) -> Response {
        self.polls.receive().await.expect("a parked poll is answered")
    }

    /// The packets which the poll that was parked is answered with.
    pub(crate) async fn parked_packets(&mut self) -> Vec<Packet> {
        packets(&self.parked().await, self.version)
    }

    /// Closes the connection of the poll that was parked.
    pub(crate) async fn abort(&mut self) {
        self.polls = Connection::open(self.address).await;
    }

    /// Two requests that have nothing to do with the session, there and back: what was sent before has arrived.
    pub(crate) async fn settle(&self) {
        for _ in 0..2 {
            fetch(self.address, &Request::get("/")).await;
        }
    }

    /// Posts packets, which the server has to accept.
    pub(crate) async fn post(&mut self, packets: &[Packet]) {
        let response = self.post_body(encode_payload(packets, self.version)).await;
        assert_eq!((response.status, response.text()), (200, "ok"), "{response:?}");
    }

    /// Posts a text packet, which the server has to accept.
    pub(crate) async fn post_text(&mut self, packet: &str) {
        self.post(&[Packet::text(packet)]).await;
    }

    pub(crate) async fn post_body(&mut self, body: impl Into<Vec<u8>>) -> Response {
        self.posts.exchange(&Request::post(&self.target(), body)).await
    }

    /// Posts what the server may answer by closing the connection.
    pub(crate) async fn try_post(&mut self, request: &Request) -> Option<Response> {
        self.posts.send(request).await;
        self.posts.receive().await
    }

    /// Posts what is no payload: the server says so or hangs up, and the session is gone. The reference destroys a
    /// request it has read to the end, which hurts nobody, and says `ok`.
    pub(crate) async fn assert_ended_by(&mut self, request: &Request) {
        let response = self.try_post(request).await;
        assert!(
            response.as_ref().is_none_or(|response| response.status == 400 || reference()),
            "{response:?} to {request:?}"
        );
        self.assert_gone().await;
    }

    /// Joins the root namespace, and drops what the server has to say on that occasion.
    pub(crate) async fn join(&mut self) {
        if self.version == Version::Four {
            self.post_text("40").await;
        }
        let mut greeting = 0;
        while greeting < 2 {
            greeting += self.poll().await.len();
        }
    }

    /// Asserts that the session answers an event.
    pub(crate) async fn assert_alive(&mut self) {
        self.post_text(r#"42["message","still here"]"#).await;
        assert_eq!(self.poll().await, [Packet::text(r#"42["message-back","still here"]"#)]);
    }

    /// Asserts that the session is gone.
    pub(crate) async fn assert_gone(&mut self) {
        let response = self.poll_response().await;
        assert!(response.is_unknown_session(), "{response:?}");
    }
}

/// The packets in the response to a poll, which is checked to be one.
fn packets(response: &Response, version: Version) -> Vec<Packet> {
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
    match response.header("content-type") {
        Some("text/plain; charset=UTF-8") => decode_payload(&response.body, false, version),
        Some("application/octet-stream") => decode_payload(&response.body, true, version),
        _ => panic!("the content type of {response:?}"),
    }
}

/// The session id in an OPEN packet.
pub(super) fn session_id(open: &Packet) -> String {
    let json = match open {
        Packet::Text(text) => text.strip_prefix('0').expect("an OPEN packet"),
        Packet::Binary(_) => panic!("an OPEN packet is text"),
    };
    let handshake: serde_json::Value = serde_json::from_str(json).expect("an OPEN packet carries JSON");
    handshake["sid"].as_str().expect("a session id").to_owned()
}

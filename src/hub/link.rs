use std::any::Any;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};
use tower_socketio_adapter::{Flags, Outgoing};
use tower_socketio_proto::engineio::{Reason, Version};
use tower_socketio_proto::socketio::Kind;

use super::{DisconnectReason, EmitError, Extensions, Socket, SocketIo, Transport};

/// A connection as the hub sees it: the way out, and the way to end it. Implemented by the transport.
pub(crate) trait Link: Any + Send + Sync + fmt::Debug {
    fn sid(&self) -> &str;
    fn io(&self) -> &SocketIo;
    fn protocol(&self) -> Protocol;
    fn handshake(&self) -> &Handshake;
    fn facts(&self) -> LinkFacts;
    /// Data of the connection, shared by its sockets.
    fn extensions(&self) -> &Extensions;

    /// Queues one packet; says how many others were dropped for it.
    fn send(&self, packet: &Outbound<'_>, flags: Flags) -> Result<u64, EmitError>;
    /// Queues one packet that many connections share; says how many others were dropped for it.
    fn send_shared(&self, packet: &Outgoing, flags: Flags) -> Result<u64, EmitError>;
    /// Ready once less than half of the send budget is spent; `false` when closed.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Tells the connection's task that a socket left by the server's will; given back when the task has ended.
    fn depart(&self, departure: Departure) -> Result<(), Departure>;
    /// The alarm that the connection has set: a deadline of its may be reached.
    fn ring(&self);
    /// Ends the connection, after what waits was sent.
    fn close(&self, reason: Reason);
    /// Ends the connection as if its client had closed it: the client is known to have another one.
    fn abandon(&self);
}

/// What both ends agreed on at the handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    pub(crate) version: Version,
    /// The client takes no binary frames (`b64=1`).
    pub(crate) base64: bool,
}

impl Protocol {
    /// Socket.IO protocol 5 goes with Engine.IO 4, protocol 4 with Engine.IO 3.
    pub(crate) fn is_v5(&self) -> bool {
        self.version == Version::V4
    }
}

/// One packet on its way out, not yet encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound<'a> {
    pub(crate) kind: Kind,
    pub(crate) namespace: &'a str,
    pub(crate) id: Option<u64>,
    /// UTF-8: an array for events and acknowledgements, an object for CONNECT, any value for CONNECT_ERROR.
    pub(crate) json: Option<&'a [u8]>,
    pub(crate) attachments: &'a [Bytes],
    /// What stands behind an event's arguments, for clients that recover lost connections.
    pub(crate) offset: Option<&'a str>,
}

/// Facts that change while a connection lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkFacts {
    pub(crate) transport: Transport,
    pub(crate) upgraded: bool,
    pub(crate) waiting: usize,
    pub(crate) dropped: u64,
    pub(crate) closed: bool,
}

/// What remains of the request that opened the connection; the rest of HTTP is gone after the connect hooks.
pub(crate) struct Handshake {
    /// The path and, behind a question mark, the query.
    url: Box<str>,
    path_len: u32,
    pub(crate) headers: Box<[(HeaderName, HeaderValue)]>,
    /// The peer's, which behind a proxy is the proxy's.
    pub(crate) address: Option<SocketAddr>,
    /// The client's, where it is not the peer's.
    pub(crate) client: Option<IpAddr>,
    pub(crate) secure: bool,
    /// There was an `Origin` header.
    pub(crate) cross_domain: bool,
    /// In milliseconds since 1970.
    pub(crate) issued: u64,
}

impl Handshake {
    /// From the request's URL, without anything kept of its head and nothing known of the client.
    pub(crate) fn new(uri: &Uri) -> Self {
        let path = uri.path();
        let url = match uri.path_and_query().map(PathAndQuery::as_str) {
            // As it nearly always is; an empty path is told as `/`.
            Some(url) if url.starts_with(path) => url.into(),
            _ => uri.query().map_or_else(|| path.into(), |query| format!("{path}?{query}").into()),
        };
        Self {
            url,
            path_len: u32::try_from(path.len()).expect("a URI has at most 64 KiB"),
            headers: Box::default(),
            address: None,
            client: None,
            secure: false,
            cross_domain: false,
            issued: UNIX_EPOCH
                .elapsed()
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// The address of the client itself, as far as it is known.
    pub(crate) fn client_ip(&self) -> Option<IpAddr> {
        self.client.or_else(|| Some(self.address?.ip().to_canonical()))
    }

    /// The path and the query.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn path(&self) -> &str {
        &self.url[..self.path_len as usize]
    }

    /// The query, which may be empty.
    pub(crate) fn query(&self) -> &str {
        self.url.get(self.path_len as usize + 1..).unwrap_or_default()
    }
}

/// A socket that left its namespace, and whose hooks are still to run.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) socket: Socket,
    pub(crate) reason: DisconnectReason,
}

/// The typed connection behind a link.
pub(crate) fn downcast<T: Link>(link: Arc<dyn Link>) -> Option<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = link;
    any.downcast().ok()
}

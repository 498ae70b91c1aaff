use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use tower_socketio_proto::engineio::Reason;

use super::{Extensions, Link, Transport};

/// Facts about the connection that carries a socket; several sockets of one client share it.
#[derive(Clone, Copy)]
pub struct Conn<'a>(&'a dyn Link);

impl<'a> Conn<'a> {
    pub(super) fn new(link: &'a dyn Link) -> Self {
        Self(link)
    }

    /// The transport in use at the moment.
    pub fn transport(&self) -> Transport {
        self.0.facts().transport
    }

    /// Whether it began with polling and changed to WebSocket.
    pub fn is_upgraded(&self) -> bool {
        self.0.facts().upgraded
    }

    /// The revision of the Socket.IO protocol: 5 (Engine.IO 4) or 4 (Engine.IO 3, Socket.IO 1 and 2).
    pub fn protocol(&self) -> u8 {
        if self.0.protocol().is_v5() { 5 } else { 4 }
    }

    /// The peer's address, where the server knows it; behind a proxy this is the proxy's.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.handshake().address
    }

    /// The address of the client itself, as far as it is known.
    ///
    /// It is the peer's, unless that is a proxy of [`trust_proxies`](crate::Builder::trust_proxies), who says whom it
    /// speaks for. An IPv4 address in the form of an IPv6 one is an IPv4 address.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.0.handshake().client_ip()
    }

    /// How many bytes wait to be sent.
    pub fn bytes_waiting(&self) -> usize {
        self.0.facts().waiting
    }

    /// How many packets the overflow policy has dropped.
    pub fn packets_dropped(&self) -> u64 {
        self.0.facts().dropped
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.0.facts().closed
    }

    /// The path of the request that opened it, `/socket.io/` for example.
    pub fn path(&self) -> &'a str {
        self.0.handshake().path()
    }

    /// The path and the query of the request that opened it.
    pub fn url(&self) -> &'a str {
        self.0.handshake().url()
    }

    /// The query string of the request that opened it.
    pub fn query(&self) -> &'a str {
        self.0.handshake().query()
    }

    /// A header of the request that opened it, if [`keep_headers`](crate::Builder::keep_headers) names it.
    pub fn header(&self, name: impl PartialEq<http::HeaderName>) -> Option<&'a HeaderValue> {
        let headers = &self.0.handshake().headers;
        headers.iter().find(|(kept, _)| name == *kept).map(|(_, value)| value)
    }

    /// Whether the client came by TLS: a trusted proxy says so, or [`Secure`](crate::Secure) in the request's
    /// extensions, or the request's own scheme.
    ///
    /// A request of HTTP/1.1 does not name its scheme, and one of HTTP/2 may lie: a server that unwraps TLS itself should
    /// insert [`Secure`](crate::Secure).
    pub fn is_secure(&self) -> bool {
        self.0.handshake().secure
    }

    /// Whether the request that opened it had an `Origin` header, as browsers send from other sites.
    pub fn is_cross_domain(&self) -> bool {
        self.0.handshake().cross_domain
    }

    /// Data of the connection, by type: what sockets in other namespaces of the same client are to know.
    pub fn extensions(&self) -> &'a Extensions {
        self.0.extensions()
    }

    /// When it was opened, to the millisecond.
    pub fn issued(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.handshake().issued)
    }

    /// Ends it and every socket on it, after what waits was sent.
    pub fn close(&self) {
        self.0.close(Reason::ForcedServerClose);
    }
}

impl fmt::Debug for Conn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Conn").field(&self.0.facts()).finish()
    }
}

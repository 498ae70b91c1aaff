use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::ORIGIN;
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::DuplexStream;
use tower_socketio_proto::engineio::{self, Version};

use super::connection::Connection;
use super::driver::Driver;
use super::forwarded;
use super::io::Io;
use super::websocket::Reader;
use crate::hub::{Handshake, Hub, Link, Place, Protocol, Secure, Transport, is_id, new_id};

/// A place for one more connection of a client at this peer, if places are counted: no place is needed where nobody
/// counts, or where the address is not known.
pub(super) fn place(
    hub: &Hub,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Result<Option<Box<Place>>, TooMany> {
    let (Some(most), Some(peer)) = (hub.config.max_connections_per_address, peer) else { return Ok(None) };
    let peer = peer.ip();
    let client = forwarded::origin(&hub.config.proxies, peer, headers).client.unwrap_or(peer);
    hub.places().take(client, most).map(Some).ok_or(TooMany)
}

/// The client's address has as many connections as it may have.
#[derive(Debug)]
pub(super) struct TooMany;

/// Why no session was opened.
#[derive(Debug)]
pub(super) enum Unopened {
    /// `id_generator` gave an id that is malformed or taken.
    BadId,
    /// The server is going away.
    Draining,
}

/// What a request says about the session that it opens.
pub(super) struct Opener {
    pub(super) version: Version,
    pub(super) base64: bool,
    pub(super) peer: Option<SocketAddr>,
    pub(super) place: Option<Box<Place>>,
}

/// Opens a session over a transport, over a WebSocket with its bytes, for whoever runs its driver.
pub(super) fn open(
    hub: &Arc<Hub>,
    parts: Arc<Parts>,
    opener: Opener,
    websocket: Option<(Io, &[u8])>,
) -> Result<(Arc<Connection>, Driver), Unopened> {
    let Opener { version, base64, peer: address, place } = opener;
    hub.note_runtime();
    let sid = match &hub.config.id_generator {
        None => new_id(),
        Some(make) => Some(make(&parts)).filter(|id| is_id(id)).ok_or(Unopened::BadId)?.as_str().into(),
    };
    let origin = address
        .map(|peer| forwarded::origin(&hub.config.proxies, peer.ip(), &parts.headers))
        .unwrap_or_default();
    let by_scheme = || parts.uri.scheme() == Some(&Scheme::HTTPS);
    let secure = parts.extensions.get().map_or_else(by_scheme, |Secure(secure)| *secure);
    let mut handshake = Handshake::new(&parts.uri);
    handshake.headers = kept_headers(hub, &parts);
    (handshake.address, handshake.client) = (address, origin.client);
    handshake.secure = origin.secure.unwrap_or(secure);
    handshake.cross_domain = parts.headers.contains_key(ORIGIN);
    let protocol = Protocol { version, base64 };
    let (transport, engine) = match websocket {
        None => (Transport::Polling, engineio::Transport::Polling),
        Some(_) => (Transport::WebSocket, engineio::Transport::WebSocket),
    };
    let connection = Connection::new(sid, protocol, handshake, hub.clone().into(), engine, Connection::now());
    for keep in &hub.config.keep_extensions {
        keep(&parts.extensions, connection.extensions());
    }
    let connection = Arc::new(connection);
    let link: Arc<dyn Link> = connection.clone();
    if !hub.links().insert(link) {
        return Err(Unopened::BadId);
    }
    // After the insertion: either a drain that begins now finds the connection, or it is seen here.
    if hub.is_draining() {
        hub.links().remove(&connection.sid);
        return Err(Unopened::Draining);
    }
    connection.lock().queue.push_text(&packet(hub, &connection.sid, transport));
    tracing::debug!(target: "socketio::engine", ?version, ?transport, "session opened");
    let io = websocket.map(|(io, early)| (io, Reader::new(early)));
    let driver = Driver::new(connection.clone(), parts, io, place);
    Ok((connection, driver))
}

/// Opens a session that begins with polling.
pub(super) fn open_polling(
    hub: &Arc<Hub>,
    parts: Arc<Parts>,
    opener: Opener,
) -> Result<Arc<Connection>, Unopened> {
    let version = opener.version;
    let (connection, driver) = open(hub, parts, opener, None)?;
    // The long-lived future alone is the task; nothing of the handshake stays with it.
    match version {
        Version::V4 => drop(tokio::spawn(driver)),
        Version::V3 => drop(tokio::spawn(with_root(driver))),
    }
    Ok(connection)
}

/// Opens a session over bytes in memory, for tests without a network.
pub(crate) fn open_in_memory(hub: &Arc<Hub>, parts: Parts, stream: DuplexStream) -> bool {
    let io = Io::Other(Box::new(stream));
    let opener = Opener { version: Version::V4, base64: false, peer: None, place: None };
    match open(hub, Arc::new(parts), opener, Some((io, &[]))) {
        Ok((_, driver)) => {
            tokio::spawn(driver);
            true
        }
        Err(_) => false,
    }
}

async fn with_root(mut driver: Driver) {
    poll_fn(|cx| {
        driver.enter_root(cx);
        Poll::Ready(())
    })
    .await;
    let mut driver = Box::pin(driver);
    poll_fn(|cx| Pin::new(&mut driver).poll(cx)).await;
}

/// The OPEN packet: the same for all of a transport, but for the session's id, which needs no escapes.
fn packet(hub: &Hub, sid: &str, transport: Transport) -> String {
    let (before, behind) = hub.open_packet(transport, || {
        let text = packet_of_nobody(hub, transport);
        let at = text.find(SID).expect("the packet tells the id") + SID.len();
        (text[..at].into(), text[at..].into())
    });
    [before, sid, behind].concat()
}

const SID: &str = r#""sid":""#;

/// The OPEN packet of a session without an id.
fn packet_of_nobody(hub: &Hub, transport: Transport) -> String {
    let config = &hub.config;
    let upgrades: &[&str] = if transport == Transport::Polling
        && config.allow_upgrades
        && config.transports.contains(&Transport::WebSocket)
    {
        &["websocket"]
    } else {
        &[]
    };
    let mut out = String::new();
    let handshake = engineio::Handshake {
        sid: "",
        upgrades,
        ping_interval: config.timing.ping_interval,
        ping_timeout: config.timing.ping_timeout,
        max_payload: config.max_payload as u64,
    };
    handshake.write(&mut out);
    out
}

/// The headers that stay, in memory of their own: hyper's values are slices of its read buffer.
fn kept_headers(hub: &Hub, parts: &Parts) -> Box<[(HeaderName, HeaderValue)]> {
    let kept = hub.config.keep_headers.iter().flat_map(|name| {
        let values = parts.headers.get_all(name).into_iter();
        values.filter_map(move |value| {
            let mut copy = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            copy.set_sensitive(value.is_sensitive());
            Some((name.clone(), copy))
        })
    });
    kept.collect()
}

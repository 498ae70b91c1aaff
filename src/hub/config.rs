use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tower_socketio_adapter::{Adapter, LocalAdapter};
use tower_socketio_proto::engineio::Timing;
use tower_socketio_proto::socketio::Parser;

use super::{ConfigError, WireError};

/// A way for bytes between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket, over HTTP/1.1 or HTTP/2.
    WebSocket,
}

impl Transport {
    /// Its name on the wire: `polling` or `websocket`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// What happens to a packet for which a connection's `send_budget` has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The connection is closed: a client never misses a packet unnoticed.
    #[default]
    Disconnect,
    /// The new packet is dropped.
    DropNewest,
    /// The oldest events that wait are dropped until the new packet fits.
    DropOldest,
}

/// The cookie that carries the session id, for load balancers that keep a client on one node by it.
#[derive(Clone, Debug)]
pub struct Cookie {
    pub(crate) name: String,
    pub(crate) path: Option<String>,
    pub(crate) http_only: bool,
    pub(crate) secure: bool,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) max_age: Option<Duration>,
}

/// Whether a browser sends a cookie from other sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// On top-level navigation only.
    Lax,
    /// Always; browsers then demand `Secure`.
    None,
}

impl Cookie {
    /// A cookie of this name for the path `/`, `HttpOnly` and `SameSite=Lax`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: Some("/".into()),
            http_only: true,
            secure: false,
            same_site: Some(SameSite::Lax),
            max_age: None,
        }
    }

    /// The path for which it is sent; `None` leaves the attribute out.
    pub fn path(mut self, path: Option<&str>) -> Self {
        self.path = path.map(Into::into);
        self
    }

    /// Whether scripts are kept from reading it (default: yes).
    pub fn http_only(mut self, on: bool) -> Self {
        self.http_only = on;
        self
    }

    /// Whether it is sent over TLS only (default: no).
    pub fn secure(mut self, on: bool) -> Self {
        self.secure = on;
        self
    }

    /// Whether other sites may cause it to be sent (default: `Lax`).
    pub fn same_site(mut self, same_site: Option<SameSite>) -> Self {
        self.same_site = same_site;
        self
    }

    /// How long it is kept (default: until the browser ends).
    pub fn max_age(mut self, max_age: Option<Duration>) -> Self {
        self.max_age = max_age;
        self
    }

    pub(crate) fn render(&self, sid: &str) -> String {
        let mut out = format!("{}={sid}", self.name);
        if let Some(max_age) = self.max_age {
            out += &format!("; Max-Age={}", max_age.as_secs());
        }
        if let Some(path) = &self.path {
            out += &format!("; Path={path}");
        }
        if self.http_only {
            out += "; HttpOnly";
        }
        if self.secure {
            out += "; Secure";
        }
        match self.same_site {
            Some(SameSite::Strict) => out += "; SameSite=Strict",
            Some(SameSite::Lax) => out += "; SameSite=Lax",
            Some(SameSite::None) => out += "; SameSite=None",
            None => {}
        }
        out
    }
}

type AllowRequest = dyn Fn(&Parts) -> Result<(), WireError> + Send + Sync;
type IdGenerator = dyn Fn(&Parts) -> String + Send + Sync;
type EditHeaders = dyn Fn(&mut http::HeaderMap, &Parts) + Send + Sync;
type MakeAdapter = dyn Fn(&str) -> Arc<dyn Adapter> + Send + Sync;

/// Every option of a server, checked by `Builder::build`.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) path: String,
    pub(crate) transports: Vec<Transport>,
    pub(crate) allow_upgrades: bool,
    pub(crate) allow_eio3: bool,
    pub(crate) timing: Timing,
    pub(crate) connect_timeout: Duration,
    pub(crate) ack_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) close_grace: Duration,
    pub(crate) max_payload: usize,
    pub(crate) max_attachments: usize,
    pub(crate) max_packets: usize,
    pub(crate) max_namespaces: usize,
    pub(crate) max_dynamic: usize,
    pub(crate) max_query: usize,
    pub(crate) send_budget: usize,
    pub(crate) overflow: Overflow,
    pub(crate) receive_budget: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) keep_headers: Vec<http::HeaderName>,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) parser: Parser,
    pub(crate) expose_errors: bool,
    pub(crate) allow_request: Option<Arc<AllowRequest>>,
    pub(crate) id_generator: Option<Arc<IdGenerator>>,
    pub(crate) initial_headers: Option<Arc<EditHeaders>>,
    pub(crate) headers: Option<Arc<EditHeaders>>,
    pub(crate) adapter: Arc<MakeAdapter>,
    pub(crate) client_files: Option<std::path::PathBuf>,
}

/// Longer durations mean the same, and would overflow the clock.
pub(super) const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io".into(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            allow_upgrades: true,
            allow_eio3: false,
            timing: Timing {
                ping_interval: Duration::from_secs(25),
                ping_timeout: Duration::from_secs(20),
                upgrade_timeout: Duration::from_secs(10),
            },
            connect_timeout: Duration::from_secs(45),
            ack_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            close_grace: Duration::from_secs(2),
            max_payload: 1_000_000,
            max_attachments: 10,
            max_packets: 65_536,
            max_namespaces: 100,
            max_dynamic: 100_000,
            max_query: 8192,
            send_budget: 1 << 20,
            overflow: Overflow::Disconnect,
            receive_budget: 1 << 20,
            max_in_flight: 64,
            keep_headers: Vec::new(),
            cookie: None,
            parser: Parser::default(),
            expose_errors: false,
            allow_request: None,
            id_generator: None,
            initial_headers: None,
            headers: None,
            adapter: Arc::new(|_| Arc::new(LocalAdapter::new())),
            client_files: None,
        }
    }
}

impl Config {
    pub(crate) fn check(&mut self) -> Result<(), ConfigError> {
        let path = self.path.trim_end_matches('/');
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(ConfigError::MalformedPath(std::mem::take(&mut self.path)));
        }
        self.path.truncate(path.len());
        self.close_grace = self.close_grace.min(FOR_EVER);
        for (name, duration) in [
            ("ping_interval", &mut self.timing.ping_interval),
            ("ping_timeout", &mut self.timing.ping_timeout),
            ("upgrade_timeout", &mut self.timing.upgrade_timeout),
            ("connect_timeout", &mut self.connect_timeout),
            ("ack_timeout", &mut self.ack_timeout),
            ("write_timeout", &mut self.write_timeout),
        ] {
            if duration.is_zero() {
                return Err(ConfigError::Zero(name));
            }
            *duration = (*duration).min(FOR_EVER);
        }
        for (name, number) in [
            ("max_payload", self.max_payload),
            ("max_packets", self.max_packets),
            ("max_namespaces", self.max_namespaces),
            ("max_query", self.max_query),
            ("send_budget", self.send_budget),
            ("receive_budget", self.receive_budget),
            ("max_in_flight", self.max_in_flight),
        ] {
            if number == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        if self.transports.is_empty() {
            return Err(ConfigError::NoTransport);
        }
        if let Some(cookie) = &self.cookie
            && http::HeaderValue::from_str(&cookie.render("x")).is_err()
        {
            return Err(ConfigError::MalformedHeader(cookie.name.clone()));
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("path", &self.path)
            .field("transports", &self.transports)
            .field("allow_eio3", &self.allow_eio3)
            .field("timing", &self.timing)
            .field("max_payload", &self.max_payload)
            .field("send_budget", &self.send_budget)
            .field("receive_budget", &self.receive_budget)
            .finish_non_exhaustive()
    }
}

/// Sets what is to be set, declares the namespaces and builds a [`SocketIo`](crate::SocketIo).
///
/// Made by [`SocketIo::builder`](crate::SocketIo::builder). Every setter states its default; what does not fit
/// together is an error of [`build`](Builder::build), never a panic while serving.
#[must_use = "a builder does nothing before `build`"]
pub struct Builder {
    pub(crate) config: Config,
    pub(crate) mounts: Vec<super::Mount>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Builder {
    /// The path that is ours, `/socket.io` by default; a trailing slash does not matter.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.path = path.into();
        self
    }

    /// The transports that clients may use; both by default.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether clients that began with polling may change to WebSocket (default: yes).
    pub fn allow_upgrades(mut self, on: bool) -> Self {
        self.config.allow_upgrades = on;
        self
    }

    /// Whether clients of Socket.IO 1 and 2 (Engine.IO protocol 3) are served (default: no).
    ///
    /// Such clients compute their socket's id from the session's id, so for them the id is a secret.
    pub fn allow_eio3(mut self, on: bool) -> Self {
        self.config.allow_eio3 = on;
        self
    }

    /// How long after a client's last pong the next ping goes out (default: 25 s).
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.timing.ping_interval = interval;
        self
    }

    /// How long a client may take to answer a ping (default: 20 s); then it is gone, `ping timeout`.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.timing.ping_timeout = timeout;
        self
    }

    /// How long a client may take to change from polling to WebSocket (default: 10 s); then it stays with polling.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.timing.upgrade_timeout = timeout;
        self
    }

    /// How long a connection may take to enter its first namespace, and a namespace to accept it (default: 45 s).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long an emit waits for its acknowledgement unless it says otherwise by `timeout` (default: 30 s).
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.config.ack_timeout = timeout;
        self
    }

    /// How long a peer may take nothing of what waits for it (default: 30 s); then it is gone, `transport error`.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.config.write_timeout = timeout;
        self
    }

    /// How long a closing connection may take to send what waits (default: 2 s).
    pub fn close_grace(mut self, grace: Duration) -> Self {
        self.config.close_grace = grace;
        self
    }

    /// The largest message from a client in bytes, on every transport (default: 1 000 000).
    ///
    /// A larger HTTP body is answered 413 and the session goes on, a larger WebSocket message closes with 1009.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.config.max_payload = bytes;
        self
    }

    /// The most attachments one packet may announce (default: 10); more close the connection.
    pub fn max_attachments(mut self, number: usize) -> Self {
        self.config.max_attachments = number;
        self
    }

    /// The most packets in one polling payload (default: 65 536, as official clients send all they have in one); more
    /// close the session.
    pub fn max_packets(mut self, number: usize) -> Self {
        self.config.max_packets = number;
        self
    }

    /// The most namespaces one connection may have entered or be entering (default: 100); a CONNECT beyond it is
    /// refused.
    pub fn max_namespaces(mut self, number: usize) -> Self {
        self.config.max_namespaces = number;
        self
    }

    /// The most namespaces that patterns may have brought into being at a time (default: 100 000); further names are
    /// refused. A dynamic namespace ends when its last socket leaves.
    pub fn max_dynamic(mut self, number: usize) -> Self {
        self.config.max_dynamic = number;
        self
    }

    /// The longest query string in bytes (default: 8192); longer requests are answered 400.
    pub fn max_query(mut self, bytes: usize) -> Self {
        self.config.max_query = bytes;
        self
    }

    /// How many bytes may wait for one connection (default: 1 MiB), and what happens beyond (default: disconnect).
    ///
    /// A single packet is accepted whatever its size when nothing else waits.
    pub fn send_budget(mut self, bytes: usize, overflow: Overflow) -> Self {
        self.config.send_budget = bytes;
        self.config.overflow = overflow;
        self
    }

    /// How many bytes of events may wait for their handlers on one connection (default: 1 MiB); then reading stops,
    /// and the client's heartbeat is suspended, until there is room.
    pub fn receive_budget(mut self, bytes: usize) -> Self {
        self.config.receive_budget = bytes;
        self
    }

    /// How many handlers of one socket may be unfinished at a time (default: 64); further events wait in order.
    pub fn max_in_flight(mut self, number: usize) -> Self {
        self.config.max_in_flight = number;
        self
    }

    /// The request headers that a connection keeps for its whole life (default: none).
    ///
    /// All of them are there until the connect hooks end; hyper's buffers are freed after that.
    pub fn keep_headers(mut self, names: impl IntoIterator<Item = http::HeaderName>) -> Self {
        self.config.keep_headers = names.into_iter().collect();
        self
    }

    /// A cookie with the session's id on the handshake of polling clients (default: none).
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.config.cookie = Some(cookie);
        self
    }

    /// How packets are written inside messages (default: JSON); clients must use the same.
    pub fn parser(mut self, parser: Parser) -> Self {
        self.config.parser = parser;
        self
    }

    /// Whether clients read the text of internal errors (default: no). For development.
    pub fn expose_errors(mut self, on: bool) -> Self {
        self.config.expose_errors = on;
        self
    }

    /// Decides about a new connection before its handshake; a refusal is answered 403 with its message.
    pub fn allow_request(
        mut self,
        check: impl Fn(&Parts) -> Result<(), WireError> + Send + Sync + 'static,
    ) -> Self {
        self.config.allow_request = Some(Arc::new(check));
        self
    }

    /// Makes session ids: 1 to 64 characters of `A-Za-z0-9_-`, unique and not to be guessed (default: 20 random ones).
    ///
    /// An id that is malformed or taken is answered 400.
    pub fn id_generator(mut self, make: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        self.config.id_generator = Some(Arc::new(make));
        self
    }

    /// Edits the headers of the first response of a session.
    pub fn initial_headers(
        mut self,
        edit: impl Fn(&mut http::HeaderMap, &Parts) + Send + Sync + 'static,
    ) -> Self {
        self.config.initial_headers = Some(Arc::new(edit));
        self
    }

    /// Edits the headers of every response of a session.
    pub fn headers(mut self, edit: impl Fn(&mut http::HeaderMap, &Parts) + Send + Sync + 'static) -> Self {
        self.config.headers = Some(Arc::new(edit));
        self
    }

    /// Makes each namespace's adapter, from its name (default: rooms in memory, [`LocalAdapter`]).
    pub fn adapter(mut self, make: impl Fn(&str) -> Arc<dyn Adapter> + Send + Sync + 'static) -> Self {
        self.config.adapter = Arc::new(make);
        self
    }

    /// Serves the official client's files from this directory, the `client-dist` of npm's `socket.io` (default: none).
    ///
    /// They are `{path}/socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js`, `socket.io.msgpack.min.js` and the
    /// `.map` of each.
    pub fn serve_client(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
        self.config.client_files = Some(directory.into());
        self
    }
}

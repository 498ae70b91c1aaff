use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tower_socketio_adapter::{Adapter, LocalAdapter, MakeAdapter};
use tower_socketio_proto::engineio::Timing;
use tower_socketio_proto::socketio::Parser;

use super::{
    ConfigError, Extensions, Keep, Origins, Proxies, Recovery, WireError, WrapConnect, WrapEmit, WrapPacket,
};

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
/// Copies what an outer HTTP layer left in the request to the connection.
pub(crate) type KeepExtension = fn(&http::Extensions, &Extensions);

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
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) proxies: Proxies,
    pub(crate) keep_headers: Vec<http::HeaderName>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) keep_extensions: Vec<KeepExtension>,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) parser: Parser,
    pub(crate) expose_errors: bool,
    /// As they were given, and as `check` read them.
    pub(crate) allow_origins: Option<Vec<String>>,
    pub(crate) origins: Option<Origins>,
    pub(crate) allow_request: Option<Arc<AllowRequest>>,
    pub(crate) id_generator: Option<Arc<IdGenerator>>,
    pub(crate) initial_headers: Option<Arc<EditHeaders>>,
    pub(crate) headers: Option<Arc<EditHeaders>>,
    pub(crate) adapter: Arc<dyn MakeAdapter>,
    pub(crate) client_files: Option<std::path::PathBuf>,
    pub(crate) connect_layers: Vec<WrapConnect>,
    pub(crate) packet_layers: Vec<WrapPacket>,
    pub(crate) emit_layers: Vec<WrapEmit>,
    /// As it was given, and as `check` made it.
    pub(crate) recovery: Option<Recovery>,
    pub(crate) keep: Option<Arc<Keep>>,
    /// Events by which layers in every namespace authenticate clients.
    pub(crate) reserved: Vec<Arc<str>>,
}

/// Longer durations mean the same, and would overflow the clock.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Makes adapters that know this node only.
pub(super) struct Alone<F>(pub(super) F);

impl<F> MakeAdapter for Alone<F>
where
    F: Fn(&str) -> Arc<dyn Adapter> + Send + Sync + 'static,
{
    fn make(&self, namespace: &str) -> Arc<dyn Adapter> {
        (self.0)(namespace)
    }
}

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
            max_connections_per_address: None,
            proxies: Proxies::default(),
            keep_headers: Vec::new(),
            subprotocols: Vec::new(),
            keep_extensions: Vec::new(),
            cookie: None,
            parser: Parser::default(),
            expose_errors: false,
            allow_origins: None,
            origins: None,
            allow_request: None,
            id_generator: None,
            initial_headers: None,
            headers: None,
            adapter: Arc::new(Alone(|_: &str| Arc::new(LocalAdapter::new()) as Arc<dyn Adapter>)),
            client_files: None,
            connect_layers: Vec::new(),
            packet_layers: Vec::new(),
            emit_layers: Vec::new(),
            recovery: None,
            keep: None,
            reserved: Vec::new(),
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
        // RFC 6455 §4.1: a token, as header names are, though its case matters.
        let is_token = |name: &String| http::HeaderName::try_from(name).is_ok();
        if let Some(name) = self.subprotocols.iter().find(|name| !is_token(name)) {
            return Err(ConfigError::MalformedHeader(name.clone()));
        }
        self.keep = self.recovery.map(|recovery| Keep::new(recovery, &self.timing)).transpose()?;
        self.origins = self.allow_origins.as_deref().map(Origins::parse).transpose()?;
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

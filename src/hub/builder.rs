use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use ipnet::IpNet;
use tower_socketio_adapter::{Adapter, MakeAdapter};
use tower_socketio_proto::socketio::Parser;

use super::{
    Alone, Config, ConnectLayer, Cookie, EmitLayer, Mount, Overflow, PacketLayer, ProxyHeader, Recovery,
    Transport, WireError,
};

/// Sets what is to be set, declares the namespaces and builds a [`SocketIo`](crate::SocketIo).
///
/// Made by [`SocketIo::builder`](crate::SocketIo::builder). Every setter states its default; what does not fit
/// together is an error of [`build`](Builder::build), never a panic while serving.
#[must_use = "a builder does nothing before `build`"]
pub struct Builder {
    pub(crate) config: Config,
    pub(crate) mounts: Vec<Mount>,
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
    /// refused. A dynamic namespace ends when its last socket leaves and, with [`recovery`](Self::recovery), nobody may
    /// come back to it any more: so long it counts.
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

    /// How many connections a client's address may have at a time (default: as many as it likes); one more is answered
    /// 429.
    ///
    /// An address is [`client_ip`](crate::Conn::client_ip), of IPv6 its /64. Where the server learns a peer's address
    /// from the WebSocket alone, as without axum's `into_make_service_with_connect_info` or
    /// [`client_address`](crate::SocketIoService::client_address), a WebSocket beyond the limit is closed with 1013
    /// right after its handshake, and polling is not counted.
    pub fn max_connections_per_address(mut self, number: usize) -> Self {
        self.config.max_connections_per_address = Some(number);
        self
    }

    /// The proxies whose word about their clients' addresses is taken (default: none).
    ///
    /// If the peer is one, [`client_ip`](crate::Conn::client_ip) is the last address in its header that is not one of
    /// these, and the scheme it names decides [`is_secure`](crate::Conn::is_secure). What a client writes into the
    /// header itself stands before that and is never looked at. A peer without an address, of a Unix socket for example,
    /// is trusted only if [`client_address`](crate::SocketIoService::client_address) gives it one.
    ///
    /// ```
    /// use tower_socketio::{IpNet, ProxyHeader, SocketIo};
    ///
    /// let nets: [IpNet; 2] = ["10.0.0.0/8".parse()?, "2001:db8:7::/48".parse()?];
    /// let io = SocketIo::builder().trust_proxies(nets).proxy_header(ProxyHeader::Forwarded).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trust_proxies(mut self, nets: impl IntoIterator<Item = IpNet>) -> Self {
        self.config.proxies.trust(nets);
        self
    }

    /// The header that trusted proxies write (default: `X-Forwarded-For`).
    ///
    /// It must be the one that they do write: any other comes from the clients as it is.
    pub fn proxy_header(mut self, header: ProxyHeader) -> Self {
        self.config.proxies.header = header;
        self
    }

    /// The request headers that a connection keeps for its whole life (default: none).
    ///
    /// All of them are there until the connect hooks end; hyper's buffers are freed after that.
    pub fn keep_headers(mut self, names: impl IntoIterator<Item = http::HeaderName>) -> Self {
        self.config.keep_headers = names.into_iter().collect();
        self
    }

    /// The WebSocket subprotocols that are spoken here (default: none); of those that a client offers, it is answered the
    /// first that is one of them.
    ///
    /// A browser that offers some gives up if none is chosen. Socket.IO needs none; with one, a token can be
    /// another ([`TokenSource::subprotocol`](crate::TokenSource::subprotocol)).
    pub fn subprotocols(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.config.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Keeps what an outer HTTP layer left in the request that opened a connection, a user of `T` for example, for the
    /// connection's whole life; [`Extension<T>`](crate::Extension) reads it in every handler of every namespace.
    ///
    /// Without it the request's extensions are there until the first namespace has decided.
    pub fn keep_extension<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.config.keep_extensions.push(|from, to| {
            if let Some(value) = from.get::<T>() {
                to.insert(value.clone());
            }
        });
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

    /// The sites whose pages may connect, `https://example.com` for example (default: all); others are refused as by
    /// [`allow_request`](Self::allow_request).
    ///
    /// CORS keeps other sites from reading polling answers, and does not concern WebSockets: this does. An origin is
    /// compared whole, and a missing port is that of its scheme. Name your own site as well, as browsers name it; clients
    /// that are no browsers send no origin and pass.
    ///
    /// What is no origin is a [`ConfigError::MalformedOrigin`](crate::ConfigError::MalformedOrigin) of `build`.
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.config.allow_origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Decides about a new connection before its handshake; a refusal is answered 403 with code 4 and its message, one
    /// of a WebSocket 400 with the message alone, as in Node.
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

    /// Makes each namespace's adapter (default: rooms in memory, [`LocalAdapter`](crate::LocalAdapter)).
    ///
    /// A [`Cluster`](crate::Cluster) shares every namespace with other nodes, over Redis or Postgres with the crates
    /// `tower-socketio-redis` and `tower-socketio-postgres`.
    ///
    /// ```
    /// use tower_socketio::{Cluster, LocalBus, Namespace, SocketIo};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = LocalBus::new();
    /// let node = || SocketIo::builder().adapter(Cluster::new(bus.clone())).namespace("/", Namespace::new()).build();
    /// let (one, two) = (node()?, node()?);
    /// one.emit("news", "reaches the clients of both");
    /// # two.close().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn adapter(mut self, make: impl MakeAdapter) -> Self {
        self.config.adapter = Arc::new(make);
        self
    }

    /// Makes each namespace's adapter from its name: one of one's own, which knows this node only.
    ///
    /// It takes the place of [`adapter`](Self::adapter). The closure is called with locks held: it must not call the
    /// server, and must not panic.
    pub fn adapter_with(self, make: impl Fn(&str) -> Arc<dyn Adapter> + Send + Sync + 'static) -> Self {
        self.adapter(Alone(make))
    }

    /// Lets clients whose connection was lost come back as if nothing had been (default: no).
    ///
    /// The official client does that by itself, from version 4.6 on: [`recovered`](crate::Socket::recovered) is true at
    /// both ends. The socket has its id again, its rooms, its [`extensions`](crate::Socket::extensions) (clones of them)
    /// and, before everything else, the events that it missed, in order and each once. Not kept are events that ask for an
    /// acknowledgement and volatile ones; and what [`Overflow`](crate::Overflow) has dropped is not made up for once the
    /// client has got a later event. What counts is the rooms that it was in at the end. Who left on purpose, or was made to leave, does not come back so.
    ///
    /// Connect layers and hooks of `on_connect` run again and may refuse. Who the client is they decide anew:
    /// [`Claims`](crate::Claims), [`user`](crate::Socket::user) and the rooms of users come from them. A client that turns
    /// out to be another user than before, or none, or that has claims no more, enters as a stranger would; so does one
    /// that got its user or claims from a handler, later than in `on_connect`, and one that has claims and no user, as
    /// nothing says whose those are: let the layer name it ([`set_user`](crate::Socket::set_user), or the `user` of
    /// `JwtLayer` and [`EventAuth`](crate::EventAuth)). `on_disconnect` has run, and `on_reconnect`
    /// and `on_connected` do.
    ///
    /// It is kept in memory, on the node where the client was: behind a load balancer it needs sticky sessions, and the end
    /// of the process is the end of it. Unless what connects the nodes keeps [messages and
    /// sessions](crate::adapter::Sessions), as Redis streams do: then a client comes back to any node, also when its own
    /// one was closed. At another one it has its rooms, and of its extensions the `serde_json::Value` that Node's servers
    /// know as its data. There every event waits for its place among those of all nodes before it is delivered, also one for
    /// a single socket, for as long as the engine takes, and for at most a second; what a socket is told after an event,
    /// by an acknowledgement or a disconnect, waits with it.
    ///
    /// Where emits are kept, those of one namespace go out one after the other, behind a
    /// lock: an [`adapter`](Self::adapter) of one's own must not emit from inside of `add`, `remove`, `join` and
    /// `broadcast`, nor a subscriber of `tracing`.
    ///
    /// A client proves that it was here by its pid, of which half is a secret, and which is never logged. If the server has
    /// not noticed yet that the former connection is dead, it ends that one at once, `transport close`. A client that
    /// [was told](crate::ConnectRequest::greet) that it is back before the decision, as by [`EventAuth`](crate::EventAuth),
    /// and turns out to be a stranger, is disconnected.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.config.recovery = Some(recovery);
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

    // ---- layers

    /// Puts a tower layer around every CONNECT to every namespace; it has its turn before those of the namespaces.
    ///
    /// Of several the first is the outermost. Each namespace has a stack of its own, which its clients share.
    pub fn connect_layer(mut self, layer: impl ConnectLayer) -> Self {
        self.config.connect_layers.push(Arc::new(move |inner| layer.wrap(inner)));
        self
    }

    /// Puts a tower layer around every event from a client, in every namespace; it has its turn before those of the
    /// namespaces.
    ///
    /// Of several the first is the outermost. Each socket has a stack of its own.
    pub fn packet_layer(mut self, layer: impl PacketLayer) -> Self {
        self.config.packet_layers.push(Arc::new(move |inner| layer.wrap(inner)));
        self
    }

    /// Puts a tower layer around every emit and broadcast of the server, in every namespace.
    ///
    /// Of several the first is the outermost.
    pub fn emit_layer(mut self, layer: impl EmitLayer) -> Self {
        self.config.emit_layers.push(Arc::new(move |inner| layer.wrap(inner)));
        self
    }
}

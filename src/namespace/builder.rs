use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_socketio_proto::socketio::is_reserved;

use super::Table;
use super::outgoing;
use super::table::{Fixed, Inner, Matcher};
use crate::handler::{Arguments, Bind, Handler, bind};
use crate::hub::{
    Config, ConfigError, ConnectLayer, ConnectRequest, Connected, Disconnect, EmitLayer, EmitRequest,
    Failure, IntoReply, PacketLayer, PacketRequest, Responder, ServerEvent, next_number,
};

/// How long a user may be away unless the namespace says otherwise.
const RECONNECT_WINDOW: Duration = Duration::from_secs(60);

/// Events that Node keeps for itself between servers.
const RESERVED_BETWEEN_SERVERS: [&str; 3] = ["connect", "connection", "new_namespace"];

/// What a namespace does: its handlers, declared once and shared by all its sockets.
///
/// `S` is the state its handlers ask for with [`State`](crate::State); [`with_state`](Self::with_state) gives it. A
/// mistake in a declaration is an error of [`SocketIo::namespace`](crate::SocketIo::namespace) or of
/// [`Builder::build`](crate::Builder::build).
///
/// # Example
///
/// ```
/// use tower_socketio::{Ack, Data, Namespace, Socket, SocketIoLayer};
///
/// let chat = Namespace::new()
///     .on_connect(async |socket: Socket| socket.join("lobby"))
///     .on("message", async |socket: Socket, Data(text): Data<String>| {
///         socket.to("lobby").emit("message", text)
///     })
///     .on("double", async |Data(n): Data<u32>| Ack(n * 2));
/// let layer = SocketIoLayer::new();
/// layer.io().namespace("/", chat)?;
/// # Ok::<(), tower_socketio::ConfigError>(())
/// ```
#[must_use = "a namespace does nothing before a server has it"]
pub struct Namespace<S = ()> {
    pub(super) events: Vec<(String, Bind<PacketRequest, S>)>,
    pub(super) matching: Vec<(Matcher, Bind<PacketRequest, S>)>,
    any: Vec<Bind<PacketRequest, S>>,
    fallback: Option<Bind<PacketRequest, S>>,
    connect: Vec<Bind<ConnectRequest, S>>,
    /// At which places of `connect` stand hooks without which no handler could be called.
    opening: Vec<usize>,
    reconnect: Vec<Bind<Connected, S>>,
    connected: Vec<Bind<Connected, S>>,
    disconnecting: Vec<Bind<Disconnect, S>>,
    disconnect: Vec<Bind<Disconnect, S>>,
    error: Vec<Bind<Failure, S>>,
    server: Vec<(String, Bind<ServerEvent, S>)>,
    pub(super) fixed: Fixed,
}

impl<S> Default for Namespace<S> {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            matching: Vec::new(),
            any: Vec::new(),
            fallback: None,
            connect: Vec::new(),
            opening: Vec::new(),
            reconnect: Vec::new(),
            connected: Vec::new(),
            disconnecting: Vec::new(),
            disconnect: Vec::new(),
            error: Vec::new(),
            server: Vec::new(),
            fixed: Fixed::default(),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Namespace<S> {
    /// A namespace that accepts every client and handles no event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles an event. A second handler for it is called after the first; the first answer is the acknowledgement.
    ///
    /// An event's name that Socket.IO reserves is a [`ConfigError::ReservedEvent`] when the namespace is declared.
    pub fn on<T>(mut self, event: &str, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<PacketRequest, S> + Send + 'static,
    {
        self.events.push((event.to_owned(), bind(handler)));
        self
    }

    /// Hears every event, before its handlers and without a say in its acknowledgement; [`Event`](crate::Event) is its
    /// name.
    pub fn any<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<PacketRequest, S> + Send + 'static,
    {
        self.any.push(bind(handler));
        self
    }

    /// Handles the events that nobody else handles; without it they are errors to a client that asked for an answer.
    pub fn fallback<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<PacketRequest, S> + Send + 'static,
    {
        self.fallback = Some(bind(handler));
        self
    }

    /// Runs before the client is accepted: a rejected extractor or an `Err` is its `connect_error`.
    ///
    /// Several run in order. What they emit leaves after the client is accepted, and rooms count from then. Events wait.
    pub fn on_connect<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<ConnectRequest, S> + Send + 'static,
    {
        self.connect.push(bind(handler));
        self
    }

    /// As [`on_connect`](Self::on_connect), and also if a client that comes back enters without anybody deciding.
    pub(crate) fn on_open<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<ConnectRequest, S> + Send + 'static,
    {
        self.opening.push(self.connect.len());
        self.on_connect(handler)
    }

    /// Runs when a client that was accepted is one that comes back: a socket of the same [user](crate::Socket::user)
    /// left this very namespace less than the [window](Self::reconnect_window) ago, or its lost connection was
    /// [recovered](crate::Socket::recovered).
    ///
    /// For the former somebody must have said whose socket it is, by [`Socket::set_user`](crate::Socket::set_user), before it is
    /// accepted. [`Reconnected`](crate::Reconnected) says by what it is known, and how long the client was away. It runs after the hooks of
    /// `on_connect` and before those of `on_connected`, with which it has everything in common. Each departure makes
    /// one return, on the node where it was; a client whose end the server has not noticed yet has not left.
    pub fn on_reconnect<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<Connected, S> + Send + 'static,
    {
        self.reconnect.push(bind(handler));
        self.fixed.reconnect_window.get_or_insert(RECONNECT_WINDOW);
        self
    }

    /// How long a user may be away who [comes back](Self::on_reconnect) (default: 60 s).
    ///
    /// At most 65 536 departures are remembered, the latest ones.
    pub fn reconnect_window(mut self, window: Duration) -> Self {
        self.fixed.reconnect_window = Some(window);
        self
    }

    /// Runs after the client is accepted, and may wait for its answers; events do not wait for it.
    pub fn on_connected<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<Connected, S> + Send + 'static,
    {
        self.connected.push(bind(handler));
        self
    }

    /// Runs when an accepted client has left, once; [`Socket::rooms`](crate::Socket::rooms) still says which rooms it was
    /// in.
    pub fn on_disconnecting<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<Disconnect, S> + Send + 'static,
    {
        self.disconnecting.push(bind(handler));
        self
    }

    /// Runs when an accepted client has left, once, after `on_disconnecting`.
    pub fn on_disconnect<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<Disconnect, S> + Send + 'static,
    {
        self.disconnect.push(bind(handler));
        self
    }

    /// Hears of every error that a client was told, or would have been had it asked for an answer.
    ///
    /// Its arguments are extractors: [`WireError`](crate::WireError) is the error, `Option<Event>` the event's name and
    /// [`Socket`](crate::Socket) whose it was. Several run one after the other; what they return changes nothing. At most
    /// 1024 errors of a namespace are told at a time; further ones are in the log alone.
    pub fn on_error<T>(mut self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<Failure, S> + Send + 'static,
    {
        self.error.push(bind(handler));
        self
    }

    /// Handles an event that the program of another node emits with
    /// [`Broadcast::server_side_emit`](crate::Broadcast::server_side_emit). Of several handlers the first answer counts.
    /// At most 1024 events are handled at a time; further ones are answered with an error.
    ///
    /// The names `connect`, `connection` and `new_namespace` are a [`ConfigError::ReservedEvent`] when the namespace is
    /// declared.
    pub fn on_server<T>(
        mut self,
        event: &str,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Self
    where
        T: Arguments<ServerEvent, S> + Send + 'static,
    {
        self.server.push((event.to_owned(), bind(handler)));
        self
    }

    /// Puts a tower layer around the CONNECTs of this namespace, inside of those of the server.
    ///
    /// Of several the first is the outermost. All clients share one stack, one after the other until it is called; the
    /// hooks of [`on_connect`](Self::on_connect) are inside of it. A stack that fails to be ready refuses that client, and
    /// is made anew for the next.
    pub fn connect_layer(mut self, layer: impl ConnectLayer) -> Self {
        self.fixed.connect_layers.push(Arc::new(move |inner| layer.wrap(inner)));
        self
    }

    /// Puts a tower layer around every event from a client, inside of those of the server.
    ///
    /// Of several the first is the outermost. Each socket has a stack of its own, made with its first event, so a layer
    /// that counts does so for each socket. While the stack is not ready the socket's events wait, in order. One that
    /// fails to be ready refuses that event, and is made anew for the next.
    pub fn packet_layer(mut self, layer: impl PacketLayer) -> Self {
        self.fixed.packet_layers.push(Arc::new(move |inner| layer.wrap(inner)));
        self
    }

    /// Puts a tower layer around every emit and broadcast to this namespace, inside of those of the server.
    ///
    /// Of several the first is the outermost.
    pub fn emit_layer(mut self, layer: impl EmitLayer) -> Self {
        self.fixed.emit_layers.push(Arc::new(move |inner| layer.wrap(inner)));
        self
    }

    /// Sees every emit and broadcast to this namespace as it is sent, inside of all layers.
    ///
    /// It is called where the emit is, once for a broadcast, and may not change it: an
    /// [`emit_layer`](Self::emit_layer) may. Acknowledgements are no emits.
    pub fn any_outgoing(mut self, see: impl Fn(&EmitRequest) + Send + Sync + 'static) -> Self {
        let see = Arc::new(see);
        self.fixed.outgoing.push(Arc::new(move |inner| outgoing::watch(see.clone(), inner)));
        self
    }

    /// No handler may have these events: a layer authenticates clients by them.
    pub(crate) fn reserve(mut self, events: impl IntoIterator<Item = Arc<str>>) -> Self {
        Arc::make_mut(&mut self.fixed.reserved).extend(events);
        self
    }

    /// Gives acknowledgements a shape of their own, as [`ResultEnvelope`](crate::ResultEnvelope) does.
    pub fn respond_with(mut self, responder: impl Responder) -> Self {
        self.fixed.responder = Some(Arc::new(responder));
        self
    }

    /// Each event of a socket waits until the handlers of the one before have ended.
    ///
    /// Without it events enter their handlers in order, and handlers that wait go on side by side.
    pub fn sequential(mut self) -> Self {
        self.fixed.sequential = true;
        self
    }

    /// Adds everything that another namespace declares, behind what this one does; its fallback counts if this one has
    /// none.
    pub fn merge(mut self, other: Self) -> Self {
        self.events.extend(other.events);
        self.matching.extend(other.matching);
        self.any.extend(other.any);
        self.opening.extend(other.opening.iter().map(|at| self.connect.len() + at));
        self.connect.extend(other.connect);
        self.reconnect.extend(other.reconnect);
        self.connected.extend(other.connected);
        self.disconnecting.extend(other.disconnecting);
        self.disconnect.extend(other.disconnect);
        self.fallback = self.fallback.or(other.fallback);
        self.error.extend(other.error);
        self.server.extend(other.server);
        self.fixed.connect_layers.extend(other.fixed.connect_layers);
        self.fixed.packet_layers.extend(other.fixed.packet_layers);
        self.fixed.emit_layers.extend(other.fixed.emit_layers);
        self.fixed.responder = self.fixed.responder.or(other.fixed.responder);
        self.fixed.sequential |= other.fixed.sequential;
        self.fixed.outgoing.extend(other.fixed.outgoing);
        self.fixed.reconnect_window = self.fixed.reconnect_window.max(other.fixed.reconnect_window);
        Arc::make_mut(&mut self.fixed.reserved).extend(other.fixed.reserved.iter().cloned());
        self.fixed.names.extend(other.fixed.names);
        self.fixed.sources.extend(other.fixed.sources);
        self
    }

    /// Gives the handlers their state.
    pub fn with_state(self, state: S) -> Namespace {
        fn all<C: 'static, S>(from: Vec<Bind<C, S>>, state: &S) -> Vec<Bind<C, ()>> {
            from.into_iter().map(|bind| one(bind, state)).collect()
        }
        fn one<C: 'static, S>(bind: Bind<C, S>, state: &S) -> Bind<C, ()> {
            let endpoint = bind(state);
            Box::new(move |()| endpoint)
        }
        let state = &state;
        Namespace {
            events: self.events.into_iter().map(|(event, bind)| (event, one(bind, state))).collect(),
            matching: self.matching.into_iter().map(|(matcher, bind)| (matcher, one(bind, state))).collect(),
            any: all(self.any, state),
            fallback: self.fallback.map(|bind| one(bind, state)),
            connect: all(self.connect, state),
            opening: self.opening,
            reconnect: all(self.reconnect, state),
            connected: all(self.connected, state),
            disconnecting: all(self.disconnecting, state),
            disconnect: all(self.disconnect, state),
            error: all(self.error, state),
            server: self.server.into_iter().map(|(event, bind)| (event, one(bind, state))).collect(),
            fixed: self.fixed,
        }
    }
}

impl Namespace {
    /// The table, with the layers of the server around those of the namespace.
    pub(crate) fn into_table(mut self, config: &Config) -> Result<Table, ConfigError> {
        fn around<W: Clone>(outer: &[W], inner: Vec<W>) -> Vec<W> {
            outer.iter().cloned().chain(inner).collect()
        }
        fn all<C>(from: Vec<Bind<C, ()>>) -> Vec<Arc<dyn crate::hub::Endpoint<C>>> {
            from.into_iter().map(|bind| bind(&())).collect()
        }
        let fixed = Fixed {
            connect_layers: around(&config.connect_layers, self.fixed.connect_layers),
            packet_layers: around(&config.packet_layers, self.fixed.packet_layers),
            emit_layers: around(
                &config.emit_layers,
                [self.fixed.emit_layers, std::mem::take(&mut self.fixed.outgoing)].concat(),
            ),
            reserved: Arc::new(around(&config.reserved, Arc::unwrap_or_clone(self.fixed.reserved))),
            ..self.fixed
        };
        if let Some(event) = fixed.reserved.iter().find(|event| is_reserved(event)) {
            return Err(ConfigError::ReservedEvent((**event).to_owned()));
        }
        fixed.sources.iter().try_for_each(|source| source.serve(&fixed.reserved))?;
        let mut table = Inner {
            fallback: self.fallback.map(|bind| bind(&())),
            connect: all(self.connect),
            opening: self.opening,
            reconnect: all(self.reconnect),
            connected: all(self.connected),
            disconnecting: all(self.disconnecting),
            disconnect: all(self.disconnect),
            error: all(self.error),
            ..Inner::default()
        };
        for (event, bind) in self.events {
            fixed.check(&event)?;
            table.events.push(&event, (next_number(), bind(&())));
        }
        for (event, bind) in self.server {
            if RESERVED_BETWEEN_SERVERS.contains(&&*event) {
                return Err(ConfigError::ReservedEvent(event));
            }
            table.server.entry(event.into()).or_default().push(bind(&()));
        }
        for (matcher, bind) in self.matching {
            table.matching.push((matcher, bind(&())));
        }
        for bind in self.any {
            table.any.push((next_number(), bind(&())));
        }
        Ok(Table::new(table, fixed))
    }
}

impl<S> fmt::Debug for Namespace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: Vec<_> = self.events.iter().map(|(event, _)| event).collect();
        f.debug_struct("Namespace").field("events", &events).finish_non_exhaustive()
    }
}

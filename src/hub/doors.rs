use std::fmt;
use std::sync::Arc;

use tower_socketio_proto::socketio::Arguments;

use super::{
    Accepted, BoxFuture, Config, ConfigError, ConnectRequest, Connected, Disconnect, EmitService,
    PacketRequest, PacketService, Reply, Responder, ServerEvent, Socket, WireError,
};

/// The doors of a namespace, as the transport calls them: a CONNECT and a packet with an event come in, and a socket
/// leaves. Implemented by the services above.
pub(crate) trait Doors: Send + Sync + 'static {
    /// The connect layers and hooks. An error is the client's `connect_error`.
    fn connect(&self, request: ConnectRequest) -> BoxFuture<Result<Accepted, WireError>>;
    /// What has to run for a client about whom nobody decides, if there is anything.
    fn open(&self, request: ConnectRequest) -> Option<BoxFuture<Result<Accepted, WireError>>>;
    /// The hooks of an accepted client, if there are any.
    fn connected(&self, moment: Connected) -> Option<BoxFuture<Reply>>;
    /// The handlers of an event, for sockets without a stack.
    fn packet(&self, request: PacketRequest) -> BoxFuture<Reply>;
    /// The layers around a socket's events with the handlers inside, if there are layers.
    fn stack(&self) -> Option<PacketService>;
    /// The layers around emits, if there are any.
    fn emits(&self) -> Option<EmitService>;
    /// What gives acknowledgements their shape, if anything does.
    fn responder(&self) -> Option<Arc<dyn Responder>>;
    /// The hooks of a socket that leaves, if there are any.
    fn disconnect(&self, moment: Disconnect) -> Option<BoxFuture<Reply>>;
    /// An error that a client was told, or would have been; of this event, if it was one's.
    fn error(&self, socket: &Socket, event: Option<&str>, error: WireError);
    /// The handlers of an event that the program of another node emitted.
    fn server_event(&self, event: ServerEvent) -> BoxFuture<Reply>;
    /// Adds a handler while serving, and gives its number.
    fn add(&self, event: &str, endpoint: Arc<dyn Endpoint<PacketRequest>>) -> Result<u64, ConfigError>;
    /// Whether no handler may have this event, because a layer authenticates clients by it.
    fn reserves(&self, event: &str) -> bool;
    /// Removes a handler by its number.
    fn remove(&self, id: u64) -> bool;
    /// Whether a socket's next event waits until its last handler has ended.
    fn sequential(&self) -> bool;
}

/// A handler with its state, for one moment. Shared by all sockets, always ready.
pub(crate) trait Endpoint<C>: Send + Sync + 'static {
    fn call(&self, moment: C) -> BoxFuture<Reply>;
}

/// Which names a declared namespace answers to.
pub(crate) trait NamePattern: Send + Sync + 'static {
    fn as_str(&self) -> &str;
    /// `true`: the text is the one name; sockets enter the namespace itself.
    fn is_exact(&self) -> bool;
    fn matches(&self, name: &str, auth: Option<&Arguments>) -> Matched;
}

/// Whether a name fits a pattern.
pub(crate) enum Matched {
    No,
    /// With the values of the pattern's parameters, in order.
    Yes(Vec<(Box<str>, Box<str>)>),
    Later(BoxFuture<bool>),
}

/// A namespace ready to be declared.
pub(crate) struct Mount {
    pub(crate) pattern: Result<Arc<dyn NamePattern>, ConfigError>,
    /// What it is called besides.
    pub(crate) names: Vec<Box<str>>,
    pub(crate) doors: MakeDoors,
}

/// Makes the doors as soon as the server's own options are known.
pub(crate) type MakeDoors = Box<dyn FnOnce(&Config) -> Result<Arc<dyn Doors>, ConfigError> + Send + Sync>;

/// The doors of a namespace that nobody declared: everybody comes in, and nothing is answered.
pub(super) struct NoDoors;

impl Doors for NoDoors {
    fn connect(&self, _: ConnectRequest) -> BoxFuture<Result<Accepted, WireError>> {
        Box::pin(std::future::ready(Ok(Accepted::default())))
    }

    fn open(&self, _: ConnectRequest) -> Option<BoxFuture<Result<Accepted, WireError>>> {
        None
    }

    fn connected(&self, _: Connected) -> Option<BoxFuture<Reply>> {
        None
    }

    fn packet(&self, _: PacketRequest) -> BoxFuture<Reply> {
        Box::pin(std::future::ready(Reply::error(WireError::unhandled())))
    }

    fn stack(&self) -> Option<PacketService> {
        None
    }

    fn emits(&self) -> Option<EmitService> {
        None
    }

    fn responder(&self) -> Option<Arc<dyn Responder>> {
        None
    }

    fn disconnect(&self, _: Disconnect) -> Option<BoxFuture<Reply>> {
        None
    }

    fn error(&self, socket: &Socket, event: Option<&str>, error: WireError) {
        tracing::debug!(target: "socketio::namespace", socket = socket.tag(), event, %error, "`/` is not declared");
    }

    fn server_event(&self, _: ServerEvent) -> BoxFuture<Reply> {
        Box::pin(std::future::ready(Reply::error(WireError::unhandled())))
    }

    fn add(&self, _: &str, _: Arc<dyn Endpoint<PacketRequest>>) -> Result<u64, ConfigError> {
        Err(ConfigError::UnknownNamespace("/".into()))
    }

    fn reserves(&self, _: &str) -> bool {
        false
    }

    fn remove(&self, _: u64) -> bool {
        false
    }

    fn sequential(&self) -> bool {
        false
    }
}

impl fmt::Debug for dyn Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doors")
    }
}

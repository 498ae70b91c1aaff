use std::fmt;
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use http::{HeaderName, HeaderValue};
use tower_socketio_proto::engineio::Reason;
use tower_socketio_proto::socketio::Arguments;

use super::{AckSender, AckSlot, Broadcast, Reply, Socket, SocketIo, WireError};

/// What handlers serve: a moment in a socket's life, which is a [`Context`], or a [`ServerEvent`](super::ServerEvent).
pub trait Occasion: Send + sealed::Sealed + 'static {
    /// The server.
    fn io(&self) -> &SocketIo;

    /// Everybody in the namespace it is about.
    fn everybody(&self) -> Broadcast;

    #[doc(hidden)]
    fn is_ack_taken(&self) -> bool {
        false
    }
}

/// A moment in a socket's life that handlers serve: [`ConnectRequest`], [`Connected`], [`PacketRequest`],
/// [`Disconnect`] or [`Failure`].
pub trait Context: Occasion {
    /// The socket it is about.
    fn socket(&self) -> &Socket;

    /// Data of this moment alone, if it can have some.
    #[doc(hidden)]
    fn own_extensions(&self) -> Option<&http::Extensions> {
        None
    }

    /// What outer HTTP layers left in the request, while it is there.
    #[doc(hidden)]
    fn request_extensions(&self) -> Option<&http::Extensions> {
        None
    }

    /// The request's headers, while they are all there.
    #[doc(hidden)]
    fn request_headers(&self) -> Option<&http::HeaderMap> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ConnectRequest {}
    impl Sealed for super::Connected {}
    impl Sealed for super::PacketRequest {}
    impl Sealed for super::Disconnect {}
    impl Sealed for super::Failure {}
    impl Sealed for crate::hub::ServerEvent {}
}

/// A client asks to enter a namespace.
#[derive(Clone)]
pub struct ConnectRequest {
    socket: Socket,
    auth: Option<Arguments>,
    parts: Option<Arc<Parts>>,
    /// The pairs of the query, decoded when they are first asked for.
    query: OnceLock<Arc<[(String, String)]>>,
}

impl ConnectRequest {
    pub(crate) fn new(socket: Socket, auth: Option<Arguments>, parts: Option<Arc<Parts>>) -> Self {
        Self { socket, auth, parts, query: OnceLock::new() }
    }

    /// The socket that is to be.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        self.socket.space().name()
    }

    /// What the client gave as `auth`, as it came.
    pub fn auth(&self) -> Option<&Arguments> {
        self.auth.as_ref()
    }

    /// The value of this key in the query of the request that opened the connection; the first, if there are several.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query_all(key).next()
    }

    /// Every value of this key in the query of the request that opened the connection.
    pub fn query_all(&self, key: &str) -> impl Iterator<Item = &str> {
        let pairs = self.query.get_or_init(|| {
            form_urlencoded::parse(self.socket.conn().query().as_bytes()).into_owned().collect()
        });
        pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// Every value of this header of the request that opened the connection. Later, for a further namespace, only the
    /// headers that [`keep_headers`](crate::Builder::keep_headers) names are left.
    pub fn headers(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        let kept = self.parts.is_none().then(|| self.socket.link().handshake().headers.iter());
        let all = self.parts.as_deref().map(|parts| parts.headers.get_all(name).into_iter());
        let kept = kept.into_iter().flatten().filter(move |(kept, _)| kept == name).map(|(_, value)| value);
        all.into_iter().flatten().chain(kept)
    }

    /// Tells the client at once that it is connected, before anybody decides; `false` if it has left or was told.
    ///
    /// From now on its events do not wait: each is given to `early`, whose reply is its acknowledgement. A refusal is a
    /// disconnect then and no `connect_error`, and a layer that has told the client decides in its own time, without
    /// `connect_timeout`. Rooms, broadcasts and emits wait for the decision as ever.
    pub fn greet(&self, early: impl Fn(PacketRequest) -> Reply + Send + Sync + 'static) -> bool {
        self.socket.greet(Arc::new(early))
    }

    /// The HTTP request that opened the connection; gone when the client enters a further namespace later.
    pub fn parts(&self) -> Option<&Parts> {
        self.parts.as_deref()
    }
}

/// Without the query, the headers and what the client gave as `auth`: they hold secrets, and what is debugged ends in logs.
impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// A client was accepted into a namespace.
#[derive(Clone, Debug)]
pub struct Connected {
    pub(crate) socket: Socket,
}

/// An event from a client.
#[derive(Clone, Debug)]
pub struct PacketRequest {
    pub(crate) socket: Socket,
    pub(crate) arguments: Arguments,
    pub(crate) ack: Option<Arc<AckSlot>>,
    pub(crate) ack_taken: bool,
    /// Made at the first use.
    pub(crate) extensions: Option<Box<http::Extensions>>,
}

impl PacketRequest {
    /// The socket it came by.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        self.arguments.name()
    }

    /// Gives the event another name before it is dispatched.
    pub fn set_event(&mut self, name: &str) {
        self.arguments.set_name(name);
    }

    /// The event's arguments, as they came.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// Data of this event, by type: what a layer has for those below it. Handlers read it with `Extension`.
    pub fn extensions_mut(&mut self) -> &mut http::Extensions {
        self.extensions.get_or_insert_default()
    }

    /// Its number of bytes: the name and the arguments as JSON, and the attachments.
    pub fn size(&self) -> usize {
        self.arguments.wire_len()
    }

    /// Takes the acknowledgement over, to be sent by hand; whatever is replied is then no answer.
    pub fn take_ack(&mut self) -> AckSender {
        self.ack_taken = true;
        AckSender(self.ack.take())
    }

    /// Whether the client asked for an acknowledgement.
    pub fn expects_ack(&self) -> bool {
        self.ack.is_some()
    }
}

/// A socket left its namespace.
#[derive(Clone, Debug)]
pub struct Disconnect {
    pub(crate) socket: Socket,
    pub(crate) reason: DisconnectReason,
}

impl Disconnect {
    /// Why it left.
    pub fn reason(&self) -> DisconnectReason {
        self.reason
    }
}

/// An error that a client was told, or would have been had it asked for an answer.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) socket: Socket,
    pub(crate) event: Option<Box<str>>,
    pub(crate) error: WireError,
}

impl Failure {
    /// The event's name; `None` where a hook or an emit failed.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// The error.
    pub fn error(&self) -> &WireError {
        &self.error
    }
}

/// Why a socket left, with Node's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The connection failed, or the client broke the transport's rules.
    TransportError,
    /// The client closed the connection.
    TransportClose,
    /// The client broke Socket.IO's rules.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The client sent what is no packet.
    ParseError,
    /// The server is closing.
    ServerShuttingDown,
    /// The server ended the connection, because nothing could be sent or no namespace was entered.
    ForcedServerClose,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server told the client to leave the namespace.
    ServerNamespaceDisconnect,
}

impl DisconnectReason {
    /// Node's string for it, `transport close` for example.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => Reason::TransportError.as_str(),
            Self::TransportClose => Reason::TransportClose.as_str(),
            Self::ForcedClose => Reason::ForcedClose.as_str(),
            Self::PingTimeout => Reason::PingTimeout.as_str(),
            Self::ParseError => Reason::ParseError.as_str(),
            Self::ServerShuttingDown => Reason::ServerShuttingDown.as_str(),
            Self::ForcedServerClose => Reason::ForcedServerClose.as_str(),
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
        }
    }
}

impl From<Reason> for DisconnectReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::TransportError => Self::TransportError,
            Reason::TransportClose => Self::TransportClose,
            Reason::ForcedClose => Self::ForcedClose,
            Reason::PingTimeout => Self::PingTimeout,
            Reason::ParseError => Self::ParseError,
            Reason::ServerShuttingDown => Self::ServerShuttingDown,
            _ => Self::ForcedServerClose,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A namespace took the client in.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Accepted {}

impl Context for ConnectRequest {
    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn request_extensions(&self) -> Option<&http::Extensions> {
        self.parts().map(|parts| &parts.extensions)
    }

    fn request_headers(&self) -> Option<&http::HeaderMap> {
        self.parts().map(|parts| &parts.headers)
    }
}

impl Context for PacketRequest {
    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn own_extensions(&self) -> Option<&http::Extensions> {
        self.extensions.as_deref()
    }
}

macro_rules! occasion {
    ($($moment:ident $($taken:ident)?),*) => { $(
        impl Occasion for $moment {
            fn io(&self) -> &SocketIo {
                self.socket.io()
            }

            fn everybody(&self) -> Broadcast {
                self.socket.namespace()
            }

            $(fn is_ack_taken(&self) -> bool {
                self.$taken
            })?
        }
    )* };
}
occasion!(ConnectRequest, Connected, PacketRequest ack_taken, Disconnect, Failure);

macro_rules! context {
    ($($moment:ident)*) => { $(
        impl Context for $moment {
            fn socket(&self) -> &Socket {
                &self.socket
            }
        }
    )* };
}
context!(Connected Disconnect Failure);

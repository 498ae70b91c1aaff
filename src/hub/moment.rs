use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use tower_socketio_proto::engineio::Reason;
use tower_socketio_proto::socketio::Arguments;

use super::{AckSlot, Socket};

/// A moment in a socket's life that handlers serve: [`ConnectRequest`], [`Connected`], [`PacketRequest`] or
/// [`Disconnect`].
pub trait Context: Send + sealed::Sealed + 'static {
    /// The socket it is about.
    fn socket(&self) -> &Socket;

    #[doc(hidden)]
    fn is_ack_taken(&self) -> bool {
        false
    }

    #[doc(hidden)]
    fn request_extensions(&self) -> Option<&http::Extensions> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ConnectRequest {}
    impl Sealed for super::Connected {}
    impl Sealed for super::PacketRequest {}
    impl Sealed for super::Disconnect {}
}

/// A client asks to enter a namespace.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    pub(crate) socket: Socket,
    pub(crate) auth: Option<Arguments>,
    pub(crate) parts: Option<Arc<Parts>>,
}

impl ConnectRequest {
    /// What the client gave as `auth`, as it came.
    pub fn auth(&self) -> Option<&Arguments> {
        self.auth.as_ref()
    }

    /// The HTTP request that opened the connection; gone when the client enters a further namespace later.
    pub fn parts(&self) -> Option<&Parts> {
        self.parts.as_deref()
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
}

impl Context for PacketRequest {
    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn is_ack_taken(&self) -> bool {
        self.ack_taken
    }
}

macro_rules! context {
    ($($moment:ident)*) => { $(
        impl Context for $moment {
            fn socket(&self) -> &Socket {
                &self.socket
            }
        }
    )* };
}
context!(Connected Disconnect);

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tower::BoxError;

use super::memory::Own;
use crate::hub::{Accepted, ConnectRequest, Context, PacketRequest, Reply, Socket, WireError, network};

/// Whose limit it is, for limits that fit events and CONNECTs alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose(pub(super) Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Socket,
    User,
    Address,
    Namespace,
}

/// A limit by keys of the user's own, read from a request of the type `R`.
pub struct By<R>(pub(super) Box<ReadKey<R>>);

pub(super) type ReadKey<R> = dyn Fn(&R) -> Option<String> + Send + Sync;

impl<R> fmt::Debug for By<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("By").finish_non_exhaustive()
    }
}

/// What is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    User(String),
    Address(IpAddr),
    Namespace(Box<str>),
    By(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user:{user}"),
            Self::Address(address) => write!(f, "address:{address}"),
            Self::Namespace(name) => write!(f, "namespace:{name}"),
            Self::By(key) => write!(f, "by:{key}"),
        }
    }
}

/// Finds the key of a request; without one it is counted with its socket or connection alone.
pub trait FindKey<R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn find(&self, request: &R) -> Option<Found>;
}

/// A key that was found.
#[derive(Debug)]
pub struct Found(pub(super) Key);

impl<R: Limited> FindKey<R> for Whose {
    fn find(&self, request: &R) -> Option<Found> {
        let socket = request.socket();
        let key = match self.0 {
            Kind::Socket => return None,
            Kind::User => Key::User(socket.user()?),
            Kind::Address => Key::Address(network(socket.conn().client_ip()?)),
            Kind::Namespace => Key::Namespace(socket.space().name().into()),
        };
        Some(Found(key))
    }
}

impl<R: 'static> FindKey<R> for By<R> {
    fn find(&self, request: &R) -> Option<Found> {
        (self.0)(request).map(|key| Found(Key::By(key)))
    }
}

/// A request of a tier that limits fit.
pub trait Limited: Context {
    #[doc(hidden)]
    type Response: Send + 'static;
    #[doc(hidden)]
    fn bytes(&self) -> usize;
    /// The counter of its socket or connection alone.
    #[doc(hidden)]
    fn own(&self, number: &Arc<u64>, make: impl FnOnce() -> Own) -> Arc<Own>;
    #[doc(hidden)]
    fn refuse(socket: &Socket, error: WireError, close: bool) -> Result<Self::Response, BoxError>;
    #[doc(hidden)]
    fn drop_silently(error: WireError) -> Result<Self::Response, BoxError>;
}

impl Limited for PacketRequest {
    type Response = Reply;

    fn bytes(&self) -> usize {
        self.size()
    }

    fn own(&self, number: &Arc<u64>, make: impl FnOnce() -> Own) -> Arc<Own> {
        self.socket().slot_of(number, make)
    }

    fn refuse(socket: &Socket, error: WireError, close: bool) -> Result<Reply, BoxError> {
        if close {
            // The reply is queued before the connection's task looks at this.
            socket.conn().close();
        }
        Ok(Reply::error(error))
    }

    fn drop_silently(_: WireError) -> Result<Reply, BoxError> {
        Ok(Reply::none())
    }
}

impl Limited for ConnectRequest {
    type Response = Accepted;

    fn bytes(&self) -> usize {
        self.auth().map_or(0, |auth| auth.wire_len())
    }

    /// A socket asks once; what asks several times is its connection.
    fn own(&self, number: &Arc<u64>, make: impl FnOnce() -> Own) -> Arc<Own> {
        self.socket().conn().slot(**number, make)
    }

    fn refuse(_: &Socket, error: WireError, close: bool) -> Result<Accepted, BoxError> {
        Err(if close { error.close_after(std::time::Duration::ZERO) } else { error }.into())
    }

    /// A client that asks to enter is always told.
    fn drop_silently(error: WireError) -> Result<Accepted, BoxError> {
        Err(error.into())
    }
}

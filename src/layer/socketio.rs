use tower::Layer;

use crate::hub::SocketIo;
use crate::service::SocketIoService;

/// Puts a Socket.IO server in front of a service; the other face of [`SocketIo`].
///
/// Applying it is cheap and cannot fail. All services it makes share the sessions, also when axum applies it to every
/// route. Add it last, on the outermost router: a fallback that is added later, or a nested router without routes,
/// never meets it.
///
/// See the [crate's documentation](crate) for an example.
#[derive(Clone, Debug, Default)]
pub struct SocketIoLayer {
    io: SocketIo,
}

impl SocketIoLayer {
    /// A server with every option at its default; [`SocketIo::builder`] sets options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The server.
    pub fn io(&self) -> SocketIo {
        self.io.clone()
    }
}

impl SocketIo {
    /// The layer that serves it; any number of them share everything.
    pub fn layer(&self) -> SocketIoLayer {
        SocketIoLayer { io: self.clone() }
    }
}

impl<N> Layer<N> for SocketIoLayer {
    type Service = SocketIoService<N>;

    fn layer(&self, inner: N) -> SocketIoService<N> {
        SocketIoService::new(inner, self.io.clone())
    }
}

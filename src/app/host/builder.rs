use std::fmt;
use std::future::Future;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tower::BoxError;

use super::handle::End;
use super::service::{self, Hooks};
use super::{Health, HostError, HostHandle, HostService, Listen};
use crate::hub::SocketIo;

/// Listens and serves a [`SocketIo`], from the first hook to the last.
///
/// See the [module's documentation](crate::host) for an example and for what happens when.
#[must_use = "a host does nothing before `run` or `start`"]
pub struct Host {
    pub(super) io: SocketIo,
    pub(super) listen: Listen,
    pub(super) router: Router,
    pub(super) health_routes: bool,
    pub(super) grace: Duration,
    signals: Option<bool>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    pub(super) end: End,
}

impl Host {
    /// A host of this server that listens at `0.0.0.0:3001`.
    pub fn new(io: SocketIo) -> Self {
        Self {
            io,
            listen: Listen::default(),
            router: Router::new(),
            health_routes: true,
            grace: Duration::from_secs(10),
            signals: None,
            #[cfg(feature = "tls")]
            tls: None,
            end: End(HostHandle::new()),
        }
    }

    /// Where it listens (default: `0.0.0.0:3001`); [`Listen::none`] if the layer is in somebody else's server.
    pub fn listen(mut self, listen: impl Into<Listen>) -> Self {
        self.listen = listen.into();
        self
    }

    /// Routes of one's own (default: none); the layer is put around them.
    pub fn router(mut self, router: Router) -> Self {
        self.router = router;
        self
    }

    /// Whether `/healthy`, `/ready` and `/live` are answered, in front of the router's routes (default: yes).
    pub fn health_routes(mut self, on: bool) -> Self {
        self.health_routes = on;
        self
    }

    /// The time over which connections are told to go when the host stops (default: 10 s).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Whether SIGTERM, SIGINT and SIGHUP end the host (default: with [`run`](Self::run) yes, with
    /// [`start`](Self::start) no); where there is no Unix, Ctrl-C.
    ///
    /// A process that has caught them once does not end by them any more, not even after the host.
    pub fn signals(mut self, on: bool) -> Self {
        self.signals = Some(on);
        self
    }

    /// Adds a service, or an `Arc` of one.
    pub fn service(self, service: impl HostService) -> Self {
        self.end.0.add(service);
        self
    }

    /// Adds what is awaited before the host listens. An error ends the start.
    pub fn on_init<F, R>(self, hook: F) -> Self
    where
        F: FnOnce(HostHandle) -> R + Send + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.service(Hooks { init: service::hook(hook), ..Hooks::default() })
    }

    /// Adds what runs as soon as the host listens.
    pub fn on_ready<F, R>(self, hook: F) -> Self
    where
        F: FnOnce(HostHandle) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.service(Hooks { ready: service::hook(hook), ..Hooks::default() })
    }

    /// Adds what runs last, with the exit code.
    pub fn on_exit<F, R>(self, hook: F) -> Self
    where
        F: FnOnce(i32) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.service(Hooks { exit: service::hook(hook), ..Hooks::default() })
    }

    /// How the host and its services feel.
    pub fn health(&self) -> Health {
        self.end.0.health()
    }

    /// The handle, for what is to end the host or to know of it.
    pub fn handle(&self) -> HostHandle {
        self.end.0.clone()
    }

    /// Serves until a signal or [`HostHandle::shutdown`], and gives the exit code.
    ///
    /// # Errors
    ///
    /// A service failed, the address is taken, or signals cannot be caught; then nothing listens. To be told to end
    /// before it listens is no error here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the host at once: `on_exit` is not called, and WebSockets are not told.
    pub async fn run(self) -> Result<i32, HostError> {
        let signals = self.signals.unwrap_or(true);
        match self.begin(signals).await {
            Ok((handle, _task)) => Ok(handle.wait().await),
            Err(HostError::Stopped(code)) => Ok(code),
            Err(error) => Err(error),
        }
    }

    /// Starts, and serves in the background when every `on_ready` has ended.
    ///
    /// # Errors
    ///
    /// A service failed, the address is taken, signals cannot be caught, or the host was told to end before it listened;
    /// then nothing listens.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the host at once, as with [`run`](Self::run). Afterwards it lives until it is told to
    /// end; dropping the handle changes nothing.
    pub async fn start(self) -> Result<HostHandle, HostError> {
        let signals = self.signals.unwrap_or(false);
        let (handle, mut task) = self.begin(signals).await?;
        task.detach_all();
        Ok(handle)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("io", &self.io)
            .field("listen", &self.listen)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

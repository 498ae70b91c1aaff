use std::fmt;
use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::BoxError;

use super::handle::{End, Stage};
use super::server::Server;
use super::service::{AnyService, Hook, OnExit, OnInit, OnReady};
use super::{Health, HostError, HostHandle, HostService, Listen, signals};
use crate::hub::SocketIo;

/// Listens and serves a [`SocketIo`], from the first hook to the last.
///
/// See the [module's documentation](crate::host) for an example and for what happens when.
#[must_use = "a host does nothing before `run` or `start`"]
pub struct Host {
    io: SocketIo,
    listen: Listen,
    router: Router,
    health_routes: bool,
    grace: Duration,
    signals: Option<bool>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<crate::rustls::ServerConfig>>,
    end: End,
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
        self.end.0.add(Arc::new(service));
        self
    }

    /// Adds what is awaited before the host listens. An error ends the start.
    pub fn on_init<F, R>(self, hook: F) -> Self
    where
        F: FnOnce(HostHandle) -> R + Send + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.service(OnInit(Hook::new(hook)))
    }

    /// Adds what runs as soon as the host listens.
    pub fn on_ready<F, R>(self, hook: F) -> Self
    where
        F: FnOnce(HostHandle) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.service(OnReady(Hook::new(hook)))
    }

    /// Adds what runs last, with the exit code.
    pub fn on_exit<F, R>(self, hook: F) -> Self
    where
        F: FnOnce(i32) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.service(OnExit(Hook::new(hook)))
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

    /// Comes as far as the end of `on_ready`. The host ends with the task.
    async fn begin(self, signals: bool) -> Result<(HostHandle, JoinSet<()>), HostError> {
        let handle = self.handle();
        let watch = if signals {
            signals::watch(handle.clone()).map_err(HostError::Signals)?
        } else {
            JoinSet::new()
        };
        handle.enter(Stage::Starting);
        let services = handle.services();
        for service in &services {
            service.clone().mount(&self.io)?;
        }
        let mut begun = 0;
        let preparing = async {
            for service in &services {
                let error = match calmly("on_init", service.on_init(&handle)).await {
                    Some(Ok(())) => {
                        begun += 1;
                        continue;
                    }
                    Some(Err(error)) => error,
                    None => "`on_init` panicked".into(),
                };
                return Err(HostError::Init(error));
            }
            self.listen.open().await
        };
        let prepared = tokio::select! {
            biased;
            prepared = preparing => prepared,
            () = handle.told(1) => Err(HostError::Stopped(handle.code().unwrap_or_default())),
        };
        let listener = match prepared {
            Ok(listener) => listener,
            Err(error) => {
                exit(&services[..begun], &handle, handle.code().unwrap_or(1)).await;
                return Err(error);
            }
        };
        let mut server = None;
        if let Some(listener) = listener {
            let inner = if self.health_routes {
                handle.health_routes().fallback_service(self.router)
            } else {
                self.router
            };
            let router = inner.layer(self.io.layer());
            server = Some(Server {
                listener,
                router,
                handle: handle.clone(),
                connections: JoinSet::new(),
                #[cfg(feature = "tls")]
                tls: self.tls.map(super::tls::Tls::new),
            });
        }
        let serving =
            Serving { io: self.io, server, services, grace: self.grace, _end: self.end, _watch: watch };
        let mut task = JoinSet::new();
        task.spawn(serving.serve(handle.clone()));
        handle.reached(Stage::Ready).await;
        Ok((handle, task))
    }
}

/// A host that has started.
struct Serving {
    io: SocketIo,
    server: Option<Server>,
    services: Vec<Arc<dyn AnyService>>,
    grace: Duration,
    _watch: JoinSet<()>,
    _end: End,
}

impl Serving {
    async fn serve(mut self, handle: HostHandle) {
        if let Some(server) = &self.server {
            server.open();
        }
        handle.enter(Stage::Serving);
        tokio::select! {
            biased;
            () = handle.told(1) => {}
            () = accept(&mut self.server) => {}
            () = ready(&self.services, &handle) => {}
        }

        let end = Instant::now() + self.grace.min(LONGEST);
        tokio::select! {
            biased;
            () = self.io.drain(self.grace) => {}
            // What is told to go is told by the first poll.
            () = handle.told(2) => drop(self.io.close().now_or_never()),
            () = accept(&mut self.server) => {}
        }

        handle.enter(Stage::Closing);
        if let Some(server) = self.server {
            tokio::select! {
                biased;
                () = server.close(end.max(Instant::now() + LAST)) => {}
                () = handle.told(2) => {}
            }
        }
        exit(&self.services, &handle, handle.code().unwrap_or_default()).await;
    }
}

/// How long requests may take that are being answered when everything else has ended.
const LAST: Duration = Duration::from_secs(1);

/// What is longer is too long to count with.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

async fn accept(server: &mut Option<Server>) {
    match server {
        Some(server) => server.accept().await,
        None => pending().await,
    }
}

async fn ready(services: &[Arc<dyn AnyService>], handle: &HostHandle) {
    for service in services {
        calmly("on_ready", service.on_ready(handle)).await;
    }
    handle.enter(Stage::Ready);
    pending().await
}

/// Each is begun, and awaited unless there is a hurry.
async fn exit(services: &[Arc<dyn AnyService>], handle: &HostHandle, code: i32) {
    for service in services {
        tokio::select! {
            biased;
            _ = calmly("on_exit", service.on_exit(code)) => {}
            () = handle.told(2) => {}
        }
    }
}

/// A hook's output, unless it panics.
async fn calmly<T>(name: &str, hook: impl Future<Output = T>) -> Option<T> {
    let outcome = AssertUnwindSafe(hook).catch_unwind().await;
    if outcome.is_err() {
        tracing::error!(target: "socketio::host", "a panic in `{name}`");
    }
    outcome.ok()
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

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::handle::{End, Stage};
use super::server::Server;
use super::service::AnyService;
use super::{Host, HostError, HostHandle, signals};
use crate::hub::SocketIo;

impl Host {
    /// Comes as far as the end of `on_ready`. The host ends with the task.
    pub(super) async fn begin(self, signals: bool) -> Result<(HostHandle, JoinSet<()>), HostError> {
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

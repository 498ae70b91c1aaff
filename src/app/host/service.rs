use std::future::{Future, ready};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tower::BoxError;

use super::{Health, HostHandle};
use crate::hub::{ConfigError, SocketIo};

/// A part of a program that lives and ends with its host: one instance for all sockets. Every method may be left out.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use tower_socketio::{Ack, ConfigError, Health, Host, HostService, Namespace, SocketIo};
///
/// #[derive(Default)]
/// struct Counter(AtomicUsize);
///
/// impl HostService for Counter {
///     fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError> {
///         let count = async move || Ack(self.0.fetch_add(1, Ordering::Relaxed));
///         io.namespace("/counter", Namespace::new().on("count", count))
///     }
///
///     async fn on_exit(&self, _: i32) {
///         println!("counted to {}", self.0.load(Ordering::Relaxed));
///     }
///
///     fn health(&self) -> Health {
///         Health { ready: self.0.load(Ordering::Relaxed) < 1_000_000, ..Health::default() }
///     }
/// }
///
/// let host = Host::new(SocketIo::default()).service(Counter::default());
/// ```
pub trait HostService: Send + Sync + 'static {
    /// Declares the service's namespaces; before any `on_init`.
    ///
    /// # Errors
    ///
    /// A namespace that another service has declared, for one. It ends the start.
    fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError> {
        let _ = io;
        Ok(())
    }

    /// Makes the service ready, before the host listens.
    ///
    /// # Errors
    ///
    /// Any error ends the start, and nothing listens.
    fn on_init(&self, host: &HostHandle) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = host;
        ready(Ok(()))
    }

    /// Runs as soon as the host listens, while clients are served. It is dropped if the host stops meanwhile.
    fn on_ready(&self, host: &HostHandle) -> impl Future<Output = ()> + Send {
        let _ = host;
        ready(())
    }

    /// Runs last, when the sockets have gone and nothing listens any more; once, if `on_init` had succeeded.
    fn on_exit(&self, code: i32) -> impl Future<Output = ()> + Send {
        let _ = code;
        ready(())
    }

    /// How the service feels; by default well. It is asked at every probe.
    fn health(&self) -> Health {
        Health::default()
    }
}

impl<S: HostService> HostService for Arc<S> {
    fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError> {
        S::mount(Self::clone(&self), io)
    }

    async fn on_init(&self, host: &HostHandle) -> Result<(), BoxError> {
        S::on_init(self, host).await
    }

    async fn on_ready(&self, host: &HostHandle) {
        S::on_ready(self, host).await;
    }

    async fn on_exit(&self, code: i32) {
        S::on_exit(self, code).await;
    }

    fn health(&self) -> Health {
        S::health(self)
    }
}

/// [`HostService`], whichever it is.
pub(super) trait AnyService: Send + Sync {
    fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError>;
    fn on_init<'a>(&'a self, host: &'a HostHandle) -> BoxFuture<'a, Result<(), BoxError>>;
    fn on_ready<'a>(&'a self, host: &'a HostHandle) -> BoxFuture<'a, ()>;
    fn on_exit(&self, code: i32) -> BoxFuture<'_, ()>;
    fn health(&self) -> Health;
}

// What the methods do before they return their futures is inside of the futures here, too: so may a panic be.
impl<S: HostService> AnyService for S {
    fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError> {
        HostService::mount(self, io)
    }

    fn on_init<'a>(&'a self, host: &'a HostHandle) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { HostService::on_init(self, host).await })
    }

    fn on_ready<'a>(&'a self, host: &'a HostHandle) -> BoxFuture<'a, ()> {
        Box::pin(async move { HostService::on_ready(self, host).await })
    }

    fn on_exit(&self, code: i32) -> BoxFuture<'_, ()> {
        Box::pin(async move { HostService::on_exit(self, code).await })
    }

    fn health(&self) -> Health {
        HostService::health(self)
    }
}

type Hook<A, R> = Mutex<Option<Call<A, R>>>;
type Call<A, R> = Box<dyn FnOnce(A) -> BoxFuture<'static, R> + Send>;

/// What is no service's: each is called once.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) init: Hook<HostHandle, Result<(), BoxError>>,
    pub(super) ready: Hook<HostHandle, ()>,
    pub(super) exit: Hook<i32, ()>,
}

pub(super) fn hook<A, F, R>(hook: F) -> Hook<A, R::Output>
where
    F: FnOnce(A) -> R + Send + 'static,
    R: Future + Send + 'static,
{
    Mutex::new(Some(Box::new(move |argument| Box::pin(hook(argument)))))
}

fn take<A, R>(hook: &Hook<A, R>) -> Option<Call<A, R>> {
    hook.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl HostService for Hooks {
    async fn on_init(&self, host: &HostHandle) -> Result<(), BoxError> {
        match take(&self.init) {
            Some(hook) => hook(host.clone()).await,
            None => Ok(()),
        }
    }

    async fn on_ready(&self, host: &HostHandle) {
        if let Some(hook) = take(&self.ready) {
            hook(host.clone()).await;
        }
    }

    async fn on_exit(&self, code: i32) {
        if let Some(hook) = take(&self.exit) {
            hook(code).await;
        }
    }
}

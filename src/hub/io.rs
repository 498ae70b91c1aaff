use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tower_socketio_adapter::{IntoRooms, Room};
use tower_socketio_proto::engineio::Reason;

use super::links::Links;
use super::member::from_member;
use super::registry::Registry;
use super::{
    AckStream, Broadcast, Builder, Config, ConfigError, FOR_EVER, Mount, Places, Sent, Socket, Transport,
};

/// A Socket.IO server: the handle by which the rest of a program emits, and the way to its layer.
///
/// It and [`SocketIoLayer`](crate::SocketIoLayer) are two faces of one thing. Clones share everything.
#[derive(Clone)]
pub struct SocketIo(Arc<Hub>);

/// What a server is: its options, namespaces and connections.
pub(crate) struct Hub {
    pub(crate) config: Config,
    pub(super) registry: Registry,
    links: Links,
    places: Places,
    draining: AtomicBool,
    tasks: Arc<Tasks>,
    /// Where hooks run that no connection's task can run any more.
    runtime: OnceLock<Handle>,
    /// Names for which there was no namespace, each logged once.
    unknown: Mutex<HashSet<String>>,
    /// What stands before and behind the session's id in the OPEN packet over each transport.
    opens: [OnceLock<(Box<str>, Box<str>)>; 2],
}

impl Default for SocketIo {
    fn default() -> Self {
        Self::with_config(Config::default())
    }
}

impl SocketIo {
    /// A builder with every option at its default.
    pub fn builder() -> Builder {
        Builder { config: Config::default(), mounts: Vec::new() }
    }

    pub(crate) fn with_config(config: Config) -> Self {
        Self(Arc::new(Hub {
            config,
            registry: Registry::default(),
            links: Links::default(),
            places: Places::default(),
            draining: AtomicBool::new(false),
            tasks: Arc::default(),
            runtime: OnceLock::new(),
            unknown: Mutex::default(),
            opens: Default::default(),
        }))
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0
    }

    pub(crate) fn declare(&self, mounts: Vec<Mount>) -> Result<(), ConfigError> {
        Registry::declare(&self.0, mounts)
    }

    /// The sockets of a namespace, or of every namespace that came from this pattern.
    ///
    /// An unknown name is logged once and reaches nobody. `chat` means `/chat`. A pattern means the namespaces that came
    /// from it on this node; the name of one of them means all nodes.
    pub fn of(&self, namespace: &str) -> Broadcast {
        // A regular expression is a pattern that need not begin with a slash.
        let as_it_is = namespace.starts_with('/') || self.0.registry.is_declared(namespace);
        let name = if as_it_is { namespace.to_owned() } else { format!("/{namespace}") };
        let addressed = Registry::addressed(&self.0, &name).unwrap_or_else(|| {
            let mut unknown = self.0.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            if unknown.len() < 100 && unknown.insert(name.clone()) {
                tracing::warn!(target: "socketio::namespace", name, "no such namespace: an emit reaches nobody");
            }
            Vec::new().into()
        });
        Broadcast::new(self, name.into(), addressed)
    }

    /// The sockets of the namespace that is [called](crate::Namespace::name) so, or of every one that came from its
    /// pattern; `None` if none is.
    pub fn named(&self, name: &str) -> Option<Broadcast> {
        self.0.registry.named(name).map(|pattern| self.of(&pattern))
    }

    /// Sockets of the namespace `/` in these rooms.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.of("/").to(rooms)
    }

    /// Sockets of the namespace `/` but those in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.of("/").except(rooms)
    }

    /// This user's sockets in the namespace `/`.
    pub fn to_user(&self, user: impl Into<String>) -> Broadcast {
        self.of("/").to(Room::user(user.into()))
    }

    /// Emits an event to all sockets of the namespace `/`.
    pub fn emit(&self, event: &str, data: impl Serialize) -> Sent {
        self.of("/").emit(event, data)
    }

    /// Asks all sockets of the namespace `/`, as [`Broadcast::emit_with_ack`].
    pub fn emit_with_ack<A: DeserializeOwned>(&self, event: &str, data: impl Serialize) -> AckStream<A> {
        self.of("/").emit_with_ack(event, data)
    }

    /// The socket with this id on this node, in whichever namespace.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.0.registry.all().iter().find_map(|space| from_member(space.adapter().find(id)?))
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.0.links.count()
    }

    /// Ends every connection at once, `server shutting down`, and waits until they are gone.
    ///
    /// New ones are refused from now on. Clients see `transport close` and try to reconnect.
    pub async fn close(&self) {
        self.drain(Duration::ZERO).await;
    }

    /// Refuses new connections, ends the present ones one by one over this time, and waits until they are gone.
    ///
    /// Handlers in flight get the `close_grace` to answer, and disconnect hooks the same to end. Clients reconnect as they
    /// are told to go, so another node takes them over at an even pace.
    ///
    /// Then this node takes leave of the others of its [cluster](super::Builder::adapter): what it emits afterwards
    /// reaches none of them.
    pub async fn drain(&self, within: Duration) {
        self.0.draining.store(true, Ordering::Release);
        let spaces = self.0.registry.all();
        futures_util::future::join_all(spaces.iter().map(|space| space.caught_up())).await;
        let mut links = self.0.links.all();
        let random = RandomState::new();
        links.sort_unstable_by_key(|link| random.hash_one(link.sid()));
        let start = tokio::time::Instant::now();
        let within = within.min(FOR_EVER);
        let number = u32::try_from(links.len()).unwrap_or(u32::MAX).max(1);
        for (at, link) in (0u32..).zip(links) {
            let due = start + within / number * at;
            if due > tokio::time::Instant::now() {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    // Nobody is left to be told.
                    () = self.0.links.empty() => break,
                }
            }
            link.close(Reason::ServerShuttingDown);
        }
        if let Some(keep) = &self.0.config.keep {
            keep.clear();
        }
        let limit = self.0.config.close_grace * 2 + Duration::from_secs(1);
        if tokio::time::timeout(limit, self.0.links.empty()).await.is_err() {
            tracing::warn!(target: "socketio::engine", left = self.connections(), "connections did not end in time");
        }
        // They may have something for other nodes.
        if tokio::time::timeout(self.0.config.close_grace, self.0.tasks.ended()).await.is_err() {
            tracing::warn!(target: "socketio::engine", "disconnect hooks did not end in time");
        }
        // Side by side: where what connects the nodes does not answer, each takes its time.
        let spaces = self.0.registry.all();
        futures_util::future::join_all(spaces.iter().map(|space| space.close())).await;
    }
}

impl Hub {
    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// The places that addresses have taken.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What stands before and behind the session's id in the OPEN packet over a transport, made by the first who asks.
    pub(crate) fn open_packet(
        &self,
        transport: Transport,
        make: impl FnOnce() -> (Box<str>, Box<str>),
    ) -> &(Box<str>, Box<str>) {
        self.opens[usize::from(transport == Transport::Polling)].get_or_init(make)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(crate) fn note_runtime(&self) {
        if self.runtime.get().is_none()
            && let Ok(handle) = Handle::try_current()
        {
            let _ = self.runtime.set(handle);
        }
    }

    /// Spawns what a server that closes waits for.
    pub(crate) fn spawn_awaited(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(self.tasks.one_more(task));
    }

    /// Runs at once what a server that closes waits for, as far as it goes, and spawns the rest.
    pub(crate) fn run_awaited(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut task = Box::pin(task);
        let mut run = || task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        // A panic ends them alone, as in a task of their own.
        if !catch_unwind(AssertUnwindSafe(&mut run)).unwrap_or(true) {
            self.spawn_awaited(task);
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match Handle::try_current().ok().or_else(|| self.runtime.get().cloned()) {
            Some(runtime) => drop(runtime.spawn(task)),
            None => tracing::warn!(target: "socketio::engine", "no tokio runtime to run a hook on"),
        }
    }
}

/// The disconnect hooks that no connection's task runs any more, and the namespaces that take their leave.
#[derive(Default)]
struct Tasks {
    running: AtomicUsize,
    ended: Notify,
}

/// Counts a task, also one that is dropped.
struct Running(Arc<Tasks>);

impl Tasks {
    fn one_more<F: Future<Output = ()>>(self: &Arc<Self>, task: F) -> impl Future<Output = ()> + use<F> {
        self.running.fetch_add(1, Ordering::AcqRel);
        let running = Running(self.clone());
        async move {
            task.await;
            drop(running);
        }
    }

    async fn ended(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

impl fmt::Debug for SocketIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIo")
            .field("config", &self.0.config)
            .field("namespaces", &self.0.registry)
            .finish()
    }
}

impl From<Arc<Hub>> for SocketIo {
    fn from(hub: Arc<Hub>) -> Self {
        Self(hub)
    }
}

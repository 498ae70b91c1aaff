use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tower_socketio_proto::socketio::is_reserved;

use crate::hub::{
    BoxFuture, ConfigError, ConnectRequest, Connected, Disconnect, Endpoint, Failure, PacketRequest,
    Responder, ServerEvent, Socket, WireError, WrapConnect, WrapEmit, WrapPacket, next_number,
};

pub(crate) type Shared<C> = Arc<dyn Endpoint<C>>;

/// Whether an event's name fits.
pub(crate) type Matcher = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Handlers that come and go while the namespaces serve which have them.
pub(crate) trait Source: Send + Sync + 'static {
    /// The handler of an event at the moment.
    fn find(&self, event: &str) -> Option<Shared<PacketRequest>>;
    /// A namespace has them, and these events of its own, which none of them may have as long as it is there.
    fn serve(&self, reserved: &Arc<Vec<Arc<str>>>) -> Result<(), ConfigError>;
}

/// The handlers of a namespace, shared by all its sockets; it can change while it serves.
#[derive(Default)]
pub(crate) struct Table {
    handlers: RwLock<Inner>,
    pub(crate) fixed: Fixed,
}

/// What does not change while it serves.
#[derive(Default)]
pub(crate) struct Fixed {
    pub(crate) connect_layers: Vec<WrapConnect>,
    pub(crate) packet_layers: Vec<WrapPacket>,
    pub(crate) emit_layers: Vec<WrapEmit>,
    pub(crate) responder: Option<Arc<dyn Responder>>,
    pub(crate) sequential: bool,
    /// Called with what is sent, inside of all layers.
    pub(super) outgoing: Vec<WrapEmit>,
    /// How long a user who left may be away and be told as one who returns.
    pub(crate) reconnect_window: Option<Duration>,
    /// Events by which layers authenticate clients: no handler has them.
    pub(crate) reserved: Arc<Vec<Arc<str>>>,
    /// What `SocketIo::named` finds it by.
    pub(super) names: Vec<Box<str>>,
    pub(super) sources: Vec<Arc<dyn Source>>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(super) events: Events,
    pub(super) matching: Vec<(Matcher, Shared<PacketRequest>)>,
    pub(super) any: Vec<(u64, Shared<PacketRequest>)>,
    pub(super) fallback: Option<Shared<PacketRequest>>,
    pub(super) connect: Vec<Shared<ConnectRequest>>,
    pub(super) opening: Vec<usize>,
    pub(super) reconnect: Vec<Shared<Connected>>,
    pub(super) connected: Vec<Shared<Connected>>,
    pub(super) disconnecting: Vec<Shared<Disconnect>>,
    pub(super) disconnect: Vec<Shared<Disconnect>>,
    pub(super) error: Vec<Shared<Failure>>,
    pub(super) server: HashMap<Box<str>, Vec<Shared<ServerEvent>>>,
}

type Handlers = Vec<(u64, Shared<PacketRequest>)>;

/// The handlers of each event, by its name; sorted by the names' lengths first, as few names have the same. Programs have
/// few events, and name them themselves: a hash that clients cannot predict would cost more than the search.
#[derive(Default)]
pub(super) struct Events(Vec<(Box<str>, Handlers)>);

impl Events {
    fn find(&self, event: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.len().cmp(&event.len()).then_with(|| (**name).cmp(event)))
    }

    fn get(&self, event: &str) -> &[(u64, Shared<PacketRequest>)] {
        self.find(event).map(|at| &*self.0[at].1).unwrap_or_default()
    }

    pub(super) fn push(&mut self, event: &str, handler: (u64, Shared<PacketRequest>)) {
        match self.find(event) {
            Ok(at) => self.0[at].1.push(handler),
            Err(at) => self.0.insert(at, (event.into(), vec![handler])),
        }
    }
}

/// Who hears an event.
pub(crate) enum Listeners {
    None,
    /// The one handler of most events.
    One(Shared<PacketRequest>),
    /// Each with whether it may answer.
    Many(Vec<(Shared<PacketRequest>, bool)>),
}

impl Fixed {
    /// Whether a handler may have this event.
    pub(super) fn check(&self, event: &str) -> Result<(), ConfigError> {
        if is_reserved(event) || self.reserved.iter().any(|reserved| **reserved == *event) {
            return Err(ConfigError::ReservedEvent(event.to_owned()));
        }
        Ok(())
    }
}

impl Table {
    pub(super) fn new(inner: Inner, fixed: Fixed) -> Self {
        Self { handlers: RwLock::new(inner), fixed }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.handlers.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a handler of an event behind those that are there.
    pub(crate) fn add(&self, event: &str, endpoint: Shared<PacketRequest>) -> Result<u64, ConfigError> {
        self.fixed.check(event)?;
        let mut table = self.write();
        let id = next_number();
        table.events.push(event, (id, endpoint));
        Ok(id)
    }

    /// Removes a handler; `false` if there is none of this number.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut table = self.write();
        let mut removed = Vec::new();
        table.events.0.retain_mut(|(_, handlers)| {
            removed.extend(handlers.extract_if(.., |(other, _)| *other == id));
            !handlers.is_empty()
        });
        // What it has captured may ask for the table as it ends.
        drop(table);
        !removed.is_empty()
    }

    /// Whether no handler may have this event.
    pub(crate) fn reserves(&self, event: &str) -> bool {
        self.fixed.check(event).is_err()
    }

    /// The handlers of an event on a socket: catch-alls, those of its name, those its name fits, the socket's own; else
    /// the fallback.
    pub(crate) fn listeners(&self, socket: &Socket, event: &str) -> Listeners {
        if self.fixed.reserved.iter().any(|reserved| **reserved == *event) {
            return Listeners::One(Arc::new(Authenticated));
        }
        let table = self.read();
        let named = table.events.get(event);
        let by_name_alone =
            table.any.is_empty() && table.matching.is_empty() && self.fixed.sources.is_empty();
        if by_name_alone && socket.listeners().is_none() {
            match named {
                [] => return table.fallback.clone().map_or(Listeners::None, Listeners::One),
                [(_, one)] => return Listeners::One(one.clone()),
                _ => {}
            }
        }
        let any = table.any.iter().map(|(_, endpoint)| (endpoint.clone(), false));
        let mut all: Vec<_> = any.collect();
        let before = all.len();
        all.extend(named.iter().map(|(_, endpoint)| (endpoint.clone(), true)));
        all.extend(self.fixed.sources.iter().filter_map(|source| Some((source.find(event)?, true))));
        let fits = table.matching.iter().filter(|(matcher, _)| matcher(event));
        all.extend(fits.map(|(_, endpoint)| (endpoint.clone(), true)));
        socket.take_listeners(event, |endpoint| all.push((endpoint, true)));
        if all.len() == before {
            match &table.fallback {
                Some(fallback) => all.push((fallback.clone(), true)),
                None => all.push((Arc::new(Unhandled), true)),
            }
        }
        match &mut *all {
            [(_, true)] => all.pop().map_or(Listeners::None, |(one, _)| Listeners::One(one)),
            _ => Listeners::Many(all),
        }
    }

    pub(crate) fn connect(&self) -> Vec<Shared<ConnectRequest>> {
        self.read().connect.clone()
    }

    /// The hooks of `on_connect` that run for whoever enters.
    pub(crate) fn opening(&self) -> Vec<Shared<ConnectRequest>> {
        let table = self.read();
        table.opening.iter().map(|at| table.connect[*at].clone()).collect()
    }

    /// The hooks of `on_connected`, behind those of `on_reconnect` if the client returned.
    pub(crate) fn connected(&self, returned: bool) -> Vec<Shared<Connected>> {
        let table = self.read();
        let reconnect = if returned { table.reconnect.as_slice() } else { &[] };
        reconnect.iter().chain(&table.connected).cloned().collect()
    }

    /// The hooks of `on_disconnecting`, then those of `on_disconnect`.
    pub(crate) fn disconnect(&self) -> (Vec<Shared<Disconnect>>, Vec<Shared<Disconnect>>) {
        let table = self.read();
        (table.disconnecting.clone(), table.disconnect.clone())
    }

    /// The handlers of an event that the program of another node emitted.
    pub(crate) fn server(&self, event: &str) -> Vec<Shared<ServerEvent>> {
        self.read().server.get(event).cloned().unwrap_or_default()
    }

    pub(crate) fn error(&self) -> Vec<Shared<Failure>> {
        self.read().error.clone()
    }
}

/// Stands in for the event by which a client that is in has authenticated itself.
struct Authenticated;

impl Endpoint<PacketRequest> for Authenticated {
    fn call(&self, _: PacketRequest) -> BoxFuture<crate::hub::Reply> {
        let error = WireError::new("already authenticated").code("already_authenticated");
        Box::pin(std::future::ready(crate::hub::Reply::error(error)))
    }
}

/// Stands in where nobody handles an event.
struct Unhandled;

impl Endpoint<PacketRequest> for Unhandled {
    fn call(&self, request: PacketRequest) -> BoxFuture<crate::hub::Reply> {
        let reply = unhandled(&request);
        Box::pin(std::future::ready(reply))
    }
}

/// The answer to an event nobody handles.
pub(crate) fn unhandled(request: &PacketRequest) -> crate::hub::Reply {
    tracing::debug!(target: "socketio::namespace", event = request.event(), "nobody handles the event");
    crate::hub::Reply::error(WireError::unhandled())
}

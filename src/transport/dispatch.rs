use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::request::Parts;
use tower_socketio_proto::engineio::Version;
use tower_socketio_proto::socketio::{Any, Arguments, DecodeError, Kind, Packet};

use super::connection::Connection;
use super::entering::auth_of_query;
use super::entries::Entries;
use super::parking::Parked;
use super::running::{Done, Running, Work};
use super::seldom::Queue;
use super::stack::Stack;
use crate::hub::{
    AckSlot, Departure, DisconnectReason, Hub, Lease, Name, PacketRequest, Pass, Reply, Replying, Socket,
    WireError,
};

/// The namespaces of one connection, and the work in flight for them.
pub(super) struct Dispatch {
    pub(super) connection: Arc<Connection>,
    pub(super) entries: Entries,
    /// Made at the first work that does not end at once.
    pub(super) running: Option<Box<FuturesUnordered<Running>>>,
    pub(super) next_key: u32,
    pub(super) parked: u32,
    pub(super) parked_bytes: usize,
    /// Handlers, hooks and decisions in flight whose socket has left.
    pub(super) orphaned: u32,
    /// The request that opened the connection, until the first namespace has decided.
    pub(super) parts: Option<Arc<Parts>>,
    pub(super) entered: bool,
    pub(super) left: Queue<Box<str>>,
}

pub(super) struct Entry {
    pub(super) key: u32,
    pub(super) state: State,
    pub(super) in_flight: u32,
    /// Hooks of an accepted client in flight; events do not wait for them.
    pub(super) hooks: u32,
    /// The last thing the client said about its being here is that it leaves; that waits for its turn.
    pub(super) leaving: bool,
    /// Events that cannot start yet, in order.
    pub(super) parked: Queue<Parked>,
    pub(super) stack: Stack,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        match &self.state {
            State::Resolving(resolving) => resolving.as_ref().map_or("", |resolving| &resolving.name),
            State::Entering(lease, _) | State::Entered(lease, _) => lease.space().name(),
        }
    }
}

/// A client that has asked for a namespace of which it is not known yet whether there is one.
pub(super) struct Resolving {
    pub(super) name: Box<str>,
    pub(super) auth: Option<Arguments>,
    pub(super) pass: Option<Pass>,
    /// There as long as its session is wanted here, if it is being brought.
    pub(super) _waits: Option<Arc<()>>,
}

pub(super) enum State {
    /// With nothing, while the state changes.
    Resolving(Option<Box<Resolving>>),
    Entering(Lease, Socket),
    Entered(Lease, Socket),
}

/// The client broke the rules of Socket.IO; the connection is closed.
#[derive(Debug)]
pub(super) struct Violation;

impl From<DecodeError> for Violation {
    fn from(error: DecodeError) -> Self {
        tracing::debug!(target: "socketio::parser", %error, "invalid packet");
        Self
    }
}

impl Dispatch {
    pub(super) fn new(connection: Arc<Connection>, parts: Arc<Parts>) -> Self {
        Self {
            connection,
            entries: Entries::default(),
            running: None,
            next_key: 0,
            parked: 0,
            parked_bytes: 0,
            orphaned: 0,
            parts: Some(parts),
            entered: false,
            left: Queue::default(),
        }
    }

    /// Whether so much waits that nothing more is read.
    pub(super) fn is_full(&self) -> bool {
        // A client that leaves and comes again must not pile up handlers of the sockets it had before.
        let config = &self.connection.hub().config;
        self.parked_bytes >= config.receive_budget || self.orphaned as usize >= config.max_in_flight
    }

    /// Whether the client was accepted into a namespace, ever.
    pub(super) fn has_entered(&self) -> bool {
        self.entered
    }

    /// Whether a namespace is deciding about the client.
    pub(super) fn is_entering(&self) -> bool {
        self.entries.iter().any(|entry| !matches!(entry.state, State::Entered(..)))
    }

    /// Whether [`poll`](Self::poll) may have something to do.
    pub(super) fn has_work(&self) -> bool {
        self.running.is_some() || self.parked > 0 || self.entries.iter().any(Entry::has_layers)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.is_empty())
    }

    /// A packet came.
    pub(super) fn packet(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) -> Result<(), Violation> {
        match packet.kind {
            Kind::Event => {
                let arguments = Arguments::event(packet)?;
                // Placeholders without an attachment are a violation ("illegal attachments" in Node). Text packets have
                // none, and their JSON is read by the handler alone.
                if !arguments.attachments().is_empty() && arguments.deserialize_all::<Vec<Any>>().is_err() {
                    return Err(Violation);
                }
                self.event(cx, packet.namespace, arguments, packet.id)
            }
            Kind::Ack => {
                let (Some(id), arguments) = (packet.id, Arguments::ack(packet)?) else {
                    return Err(Violation);
                };
                match self.find(packet.namespace).map(|at| &self.entries[at].state) {
                    Some(State::Entered(_, socket)) => socket.answered(id, arguments),
                    Some(_) => {}
                    None => return self.strayed(packet.namespace),
                }
                Ok(())
            }
            Kind::Connect => {
                let auth = match packet.query {
                    Some(query) if self.is_v3() => Some(auth_of_query(query)),
                    _ => Arguments::auth(packet)?,
                };
                self.connect(cx, packet.namespace, auth)
            }
            Kind::Disconnect => self.leave(cx, packet.namespace),
            Kind::ConnectError => Err(Violation),
        }
    }

    // ---- events

    fn event(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        arguments: Arguments,
        id: Option<u64>,
    ) -> Result<(), Violation> {
        let Some(at) = self.find_present(name) else { return self.strayed(name) };
        let entry = &mut self.entries[at];
        if let State::Entering(_, socket) = &entry.state
            && socket.answer_early(&arguments, id)
        {
            return Ok(());
        }
        if self.can_start(at)
            && let Poll::Ready(stack) = self.entries[at].poll_ready(cx)
        {
            self.start_event(cx, at, arguments, id, stack);
        } else {
            self.park(at, Parked::Event(arguments, id));
        }
        Ok(())
    }

    /// Whether the next event of this entry may start, or the next parked one.
    fn can_start(&self, at: usize) -> bool {
        let entry = &self.entries[at];
        entry.parked.is_empty() && self.has_place(entry)
    }

    pub(super) fn has_place(&self, entry: &Entry) -> bool {
        let State::Entered(lease, _) = &entry.state else { return false };
        (entry.in_flight as usize) < lease.space().max_in_flight()
            && (self.orphaned as usize) < self.connection.hub().config.max_in_flight
    }

    /// Starts an event, for which its stack is ready or has failed.
    pub(super) fn start_event(
        &mut self,
        cx: &mut Context<'_>,
        at: usize,
        arguments: Arguments,
        id: Option<u64>,
        stack: Result<(), WireError>,
    ) {
        let entry = &mut self.entries[at];
        let State::Entered(lease, socket) = &entry.state else { return };
        let ack = id.map(|id| Arc::new(AckSlot::new(socket.clone(), id)));
        let request = PacketRequest {
            socket: socket.clone(),
            arguments,
            ack: ack.clone(),
            ack_taken: false,
            extensions: None,
        };
        tracing::debug!(target: "socketio::socket", socket = socket.tag(), event = request.event(), "event");
        let (doors, key, socket) = (lease.space().doors(), entry.key, socket.clone());
        let event = Name::from(request.event());
        let future = match stack {
            Ok(()) => entry.stack.call(&**doors, request),
            Err(error) => Replying::failed(error.into()),
        };
        entry.in_flight += 1;
        self.start(cx, Running::new(key, Work::Event { future, socket, ack, event }));
    }

    fn leave(&mut self, cx: &mut Context<'_>, name: &str) -> Result<(), Violation> {
        let Some(at) = self.find_present(name) else { return self.strayed(name) };
        let entry = &self.entries[at];
        let here = match &entry.state {
            State::Entered(..) => true,
            State::Entering(_, socket) => socket.was_greeted(),
            State::Resolving(_) => false,
        };
        // It keeps its place behind the events that came before it.
        if entry.parked.is_empty() && here {
            self.left(cx, at);
        } else {
            self.park(at, Parked::Leave);
        }
        Ok(())
    }

    pub(super) fn left(&mut self, cx: &mut Context<'_>, at: usize) {
        let entry = self.remove(at);
        if let State::Entered(lease, socket) | State::Entering(lease, socket) = entry.state {
            let lease = self.hold(entry.key, lease);
            if socket.end() {
                self.hooks_in(cx, socket, DisconnectReason::ClientNamespaceDisconnect, lease);
            }
        }
    }

    /// A socket left by the server's will.
    pub(super) fn departed(&mut self, cx: &mut Context<'_>, departure: Departure) {
        let Departure { socket, reason } = departure;
        let own = |entry: &Entry| matches!(&entry.state, State::Entered(_, other) if *other == socket);
        let mut held = None;
        let at = self.entries.iter().position(own);
        if let Some(at) = at {
            let entry = self.remove(at);
            self.remember(entry.name());
            if let State::Entered(lease, _) = entry.state {
                held = self.hold(entry.key, lease);
            }
        }
        self.hooks_in(cx, socket, reason, held);
    }

    pub(super) fn hooks(&mut self, cx: &mut Context<'_>, socket: Socket, reason: DisconnectReason) {
        self.hooks_in(cx, socket, reason, None);
    }

    /// Runs the hooks of a socket that has left, and holds its namespace as long.
    fn hooks_in(
        &mut self,
        cx: &mut Context<'_>,
        socket: Socket,
        reason: DisconnectReason,
        held: Option<Arc<Lease>>,
    ) {
        let Some(hooks) = socket.clone().hooks(reason) else { return };
        let future = Box::pin(async move {
            hooks.await;
            drop(held);
            Reply::empty()
        });
        self.start(cx, Running::new(0, Work::Hook { future, socket }));
    }

    /// Holds a namespace as long as work is in flight for the entry that was in it: what that emits is for those who
    /// are there, on other nodes too. Only such namespaces are held that end.
    fn hold(&mut self, key: u32, lease: Lease) -> Option<Arc<Lease>> {
        let lease = lease.is_dynamic().then(|| Arc::new(lease))?;
        let running = self.running.iter_mut().flat_map(|running| running.iter_mut());
        running.filter(|work| work.key == key).for_each(|work| work.held = Some(lease.clone()));
        Some(lease)
    }

    // ---- progress

    /// Polls new work at once; what is not ready goes on among the rest.
    pub(super) fn start(&mut self, cx: &mut Context<'_>, mut running: Running) {
        match Pin::new(&mut running).poll(cx) {
            Poll::Ready((key, done)) => self.done(cx, key, done),
            Poll::Pending => {
                if running.is_entering() {
                    running = running.within(self.connection.hub().config.connect_timeout);
                }
                if let Work::Hook { .. } = running.work {
                    running.waited = true;
                    match self.entries.iter_mut().find(|entry| entry.key == running.key) {
                        Some(entry) => entry.hooks += 1,
                        None => self.orphaned += 1,
                    }
                }
                // It is polled once more there, so that its waker replaces ours.
                self.running.get_or_insert_default().push(running);
            }
        }
    }

    fn done(&mut self, cx: &mut Context<'_>, key: u32, done: Done) {
        match done {
            Done::Resolved(_) | Done::Connected(_) if !self.entries.iter().any(|entry| entry.key == key) => {
                self.orphaned -= 1;
            }
            Done::Resolved(lease) => self.resolved(cx, key, lease),
            Done::Connected(result) => self.decided(cx, key, result.map(drop)),
            Done::Event => match self.entries.iter_mut().find(|entry| entry.key == key) {
                Some(entry) => entry.in_flight -= 1,
                None => self.orphaned -= 1,
            },
            Done::Hook(false) => {}
            Done::Hook(true) => match self.entries.iter_mut().find(|entry| entry.key == key) {
                Some(entry) => entry.hooks -= 1,
                None => self.orphaned -= 1,
            },
        }
    }

    /// Drives the work in flight and starts what waited for it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        while let Some(running) = &mut self.running
            && let Poll::Ready(Some((key, done))) = Pin::new(&mut **running).poll_next(cx)
        {
            self.done(cx, key, done);
            self.advance(cx);
        }
        // A stack may have become ready by itself.
        if self.parked > 0 {
            self.advance(cx);
        }
        self.entries.iter_mut().for_each(Entry::give_back);
        if !self.is_busy() {
            self.running = None;
        }
    }

    // ---- the end

    /// Ends every socket; hooks and what is in flight go on by themselves. In a task that is being dropped no hook is
    /// begun.
    pub(super) fn end(&mut self, reason: DisconnectReason, mut departures: Vec<Departure>, dropped: bool) {
        let hub = self.connection.hub().clone();
        let mut entries = std::mem::take(&mut self.entries);
        // All of them before the first hook runs, as it would find the others here.
        for entry in entries.iter_mut() {
            if let State::Entered(lease, socket) | State::Entering(lease, socket) = &entry.state {
                entry.leaving = socket.end_by(reason, lease);
            }
        }
        for entry in entries {
            let has_ended = entry.leaving;
            let (State::Entered(lease, socket) | State::Entering(lease, socket)) = entry.state else {
                continue;
            };
            let held = self.hold(entry.key, lease);
            let (socket, reason) = if has_ended || !socket.was_accepted() {
                (socket, reason)
            } else if let Some(at) = departures.iter().position(|departure| departure.socket == socket) {
                let Departure { socket, reason } = departures.remove(at);
                (socket, reason)
            } else {
                continue;
            };
            farewell(&hub, socket, reason, held, dropped);
        }
        for Departure { socket, reason } in departures {
            farewell(&hub, socket, reason, None, dropped);
        }
        (self.parked, self.parked_bytes, self.orphaned, self.parts) = (0, 0, 0, None);
        if let Some(running) = self.running.take() {
            hub.spawn(running.for_each(|_| std::future::ready(())));
        }
    }

    /// The server wants the client out of every namespace: it is told so, each one by itself.
    pub(super) fn leave_all(&mut self, cx: &mut Context<'_>) {
        for entry in std::mem::take(&mut self.entries) {
            self.forget(&entry);
            let (State::Entered(lease, socket) | State::Entering(lease, socket)) = entry.state else {
                continue;
            };
            let held = self.hold(entry.key, lease);
            let ended = socket.end();
            if ended {
                socket.tell_disconnect();
            }
            if ended || !socket.was_accepted() {
                self.hooks_in(cx, socket, DisconnectReason::ServerNamespaceDisconnect, held);
            }
        }
    }

    pub(super) fn remove(&mut self, at: usize) -> Entry {
        let entry = self.entries.remove(at);
        self.forget(&entry);
        entry
    }

    /// Removes an entry about which the decision has just been made.
    pub(super) fn remove_decided(&mut self, at: usize) -> Entry {
        let entry = self.remove(at);
        self.orphaned -= 1;
        entry
    }

    /// What waited in an entry waits no more, and what is in flight has lost its socket.
    fn forget(&mut self, entry: &Entry) {
        let deciding = u32::from(!matches!(entry.state, State::Entered(..)));
        self.orphaned += entry.in_flight + entry.hooks + deciding;
        self.uncount(&entry.parked);
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name() == name)
    }

    /// The namespace, if the client is in it or on its way, and has not said that it leaves.
    fn find_present(&self, name: &str) -> Option<usize> {
        self.find(name).filter(|at| !self.entries[*at].leaving)
    }

    /// A packet for a namespace the client is not in: a violation, unless the server ended it a moment ago.
    fn strayed(&self, name: &str) -> Result<(), Violation> {
        if self.left.iter().any(|left| **left == *name) { Ok(()) } else { Err(Violation) }
    }

    pub(super) fn is_v3(&self) -> bool {
        self.connection.protocol.version == Version::V3
    }
}

/// Runs the hooks of a socket that has ended with its connection, and holds its namespace as long.
fn farewell(hub: &Hub, socket: Socket, reason: DisconnectReason, held: Option<Arc<Lease>>, dropped: bool) {
    if dropped {
        let hooks = socket.hooks_later(reason);
        return hub.spawn_awaited(async move {
            hooks.await;
            drop(held);
        });
    }
    if let Some(hooks) = socket.hooks(reason) {
        hub.run_awaited(async move {
            hooks.await;
            drop(held);
        });
    }
}

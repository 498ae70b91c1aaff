use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tower_socketio_adapter::{Answers, Flags, Handle, IntoRooms, Member, Outgoing, RemoteSocket, Room};
use tower_socketio_proto::engineio::Reason;
use tower_socketio_proto::socketio::{Arguments, Kind, write_event};

use super::operators::SocketEmit;
use super::{
    AckError, Broadcast, Conn, Departure, DisconnectReason, EmitError, Endpoint, Extensions, Link, Outbound,
    PacketRequest, Sent, SocketIo, Space, WireError,
};

/// A client in a namespace.
///
/// Clones are handles to the same socket. One that is kept after the client left leaks nothing but itself: emits are
/// [`EmitError::Closed`] and rooms are gone.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

pub(super) struct Inner {
    me: Weak<Inner>,
    id: Arc<str>,
    io: SocketIo,
    link: Arc<dyn Link>,
    space: Arc<Space>,
    phase: AtomicU8,
    handle: OnceLock<Handle>,
    state: Mutex<State>,
    extensions: Extensions,
    listeners: OnceLock<Box<Listeners>>,
}

#[derive(Default)]
struct State {
    /// Before acceptance the rooms that were joined, after the end those that were left.
    rooms: Vec<Room>,
    /// What was emitted before acceptance: whole packets.
    held: Vec<Held>,
    acks: HashMap<u64, oneshot::Sender<Arguments>>,
    closed: Option<Arc<Notify>>,
    user: Option<Room>,
    accepted: bool,
}

struct Held {
    id: Option<u64>,
    json: Vec<u8>,
    attachments: Vec<Bytes>,
    flags: Flags,
}

/// Listeners of one socket alone, by event.
pub(crate) type Listeners = Mutex<Vec<Listener>>;

pub(crate) struct Listener {
    pub(crate) id: u64,
    pub(crate) event: Box<str>,
    pub(crate) once: bool,
    pub(crate) endpoint: Arc<dyn Endpoint<PacketRequest>>,
}

/// The connect hooks run; emits and rooms wait.
const PENDING: u8 = 0;
/// The CONNECT reply is queued; rooms wait until the adapter knows the socket.
const ACCEPTED: u8 = 1;
const ACTIVE: u8 = 2;
const CLOSED: u8 = 3;

thread_local! {
    // Taken and put back, so that a `Serialize` that emits gets a buffer of its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Larger buffers are given back to the allocator.
const SCRATCH_KEPT: usize = 64 * 1024;

pub(super) fn with_scratch<R>(f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = SCRATCH.take();
    buffer.clear();
    let result = f(&mut buffer);
    if buffer.capacity() <= SCRATCH_KEPT {
        SCRATCH.set(buffer);
    }
    result
}

impl Socket {
    pub(crate) fn new(id: Arc<str>, io: SocketIo, link: Arc<dyn Link>, space: Arc<Space>) -> Self {
        Self(Arc::new_cyclic(|me| Inner {
            me: me.clone(),
            id,
            io,
            link,
            space,
            phase: AtomicU8::new(PENDING),
            handle: OnceLock::new(),
            state: Mutex::default(),
            extensions: Extensions::default(),
            listeners: OnceLock::new(),
        }))
    }

    /// Its id: 20 characters of `A-Za-z0-9_-`, unique and no secret.
    ///
    /// For EIO3 clients it is made from the session's id, because they compute it themselves, and then it is a secret:
    /// who knows it can take part in a polling session.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The server it belongs to.
    pub fn io(&self) -> &SocketIo {
        &self.0.io
    }

    /// Everybody in its namespace, itself included.
    pub fn namespace(&self) -> Broadcast {
        Broadcast::of(&self.0.io, self.0.space.clone())
    }

    /// The connection that carries it.
    pub fn conn(&self) -> Conn<'_> {
        Conn::new(&*self.0.link)
    }

    /// Data of this socket, by type.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Whether it is in its namespace.
    pub fn is_connected(&self) -> bool {
        matches!(self.0.phase.load(Ordering::Acquire), ACCEPTED | ACTIVE)
    }

    // ---- emits

    /// Emits an event: a tuple is the argument list, `()` no argument, anything else one argument.
    ///
    /// It is queued at once. Before the client is accepted it is kept until after the CONNECT reply.
    pub fn emit(&self, event: &str, data: impl Serialize) -> Sent {
        self.emit_with(event, &data, Flags::default()).into()
    }

    /// Emits `message`, Socket.IO's `send`.
    pub fn send(&self, data: impl Serialize) -> Sent {
        self.emit("message", data)
    }

    /// Emits an event and waits for the client's answer, for at most the builder's `ack_timeout`.
    ///
    /// # Errors
    ///
    /// [`AckError::Timeout`], [`AckError::Closed`] when the client leaves first, [`AckError::NotYetConnected`] in
    /// `on_connect`, and [`AckError::Answer`] when the answer is of another type.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the question; a late answer is ignored.
    pub async fn emit_with_ack<A: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> Result<A, AckError> {
        SocketEmit::new(self.clone()).emit_with_ack(event, data).await
    }

    /// The next emit with other options: `socket.timeout(d).emit_with_ack(..)`.
    pub fn timeout(&self, within: Duration) -> SocketEmit {
        SocketEmit::new(self.clone()).timeout(within)
    }

    /// The next emit is dropped if the connection is not ready for it.
    pub fn volatile(&self) -> SocketEmit {
        SocketEmit::new(self.clone()).volatile()
    }

    /// Whether the transport may compress the next emit (default: yes); without effect where it does not compress.
    pub fn compress(&self, on: bool) -> SocketEmit {
        SocketEmit::new(self.clone()).compress(on)
    }

    /// Everybody in these rooms but itself.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Everybody in these rooms and itself, if it is in one.
    pub fn within(&self, rooms: impl IntoRooms) -> Broadcast {
        self.namespace().to(rooms)
    }

    /// Everybody in its namespace but itself.
    pub fn broadcast(&self) -> Broadcast {
        self.namespace().except(Room::new(self.0.id.clone()))
    }

    /// Waits until less than half of the connection's send budget is spent; `false` if the connection is closed.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped and called again. One task at a time may wait on a connection; of several, all are woken.
    pub async fn ready(&self) -> bool {
        std::future::poll_fn(|cx| self.0.link.poll_ready(cx)).await
    }

    pub(super) fn emit_with<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
        flags: Flags,
    ) -> Result<(), EmitError> {
        if self.0.phase.load(Ordering::Acquire) == CLOSED {
            return Err(EmitError::Closed);
        }
        self.write(event, data, None, flags)
    }

    /// Registers a question; the receiver ends without an answer when the socket closes.
    pub(super) fn ask<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
        flags: Flags,
    ) -> Result<(u64, oneshot::Receiver<Arguments>), AckError> {
        let id = self.0.space.next_ack();
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state();
            match self.0.phase.load(Ordering::Acquire) {
                PENDING => return Err(AckError::NotYetConnected),
                CLOSED => return Err(AckError::Closed),
                _ => state.acks.insert(id, answer),
            };
        }
        if let Err(error) = self.write(event, data, Some(id), flags) {
            self.forget(id);
            return Err(error.into());
        }
        Ok((id, answered))
    }

    pub(super) fn forget(&self, id: u64) {
        let mut state = self.state();
        state.acks.remove(&id);
        if state.acks.is_empty() {
            state.acks = HashMap::new();
        }
    }

    fn write<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
        id: Option<u64>,
        flags: Flags,
    ) -> Result<(), EmitError> {
        with_scratch(|json| {
            let attachments = write_event(json, event, data).map_err(|error| {
                self.report(WireError::from(std::io::Error::other(format!("cannot emit `{event}`: {error}"))));
                EmitError::from(error)
            })?;
            if self.0.phase.load(Ordering::Acquire) == PENDING {
                let mut state = self.state();
                if self.0.phase.load(Ordering::Acquire) == PENDING {
                    state.held.push(Held { id, json: json.clone(), attachments, flags });
                    return Ok(());
                }
            }
            let (json, attachments) = (Some(json.as_slice()), attachments.as_slice());
            let sent = self.0.link.send(&self.outbound(Kind::Event, id, json, attachments), flags);
            sent.inspect_err(|error| self.0.lost(error))
        })
    }

    fn outbound<'a>(
        &'a self,
        kind: Kind,
        id: Option<u64>,
        json: Option<&'a [u8]>,
        attachments: &'a [Bytes],
    ) -> Outbound<'a> {
        Outbound { kind, namespace: self.0.space.name(), id, json, attachments }
    }

    // ---- rooms

    /// Joins rooms, at once; before acceptance they count from it.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut list = Vec::new();
        rooms.into_rooms(&mut list);
        self.with_rooms(
            |held| held.extend(list.iter().cloned()),
            |handle| self.0.space.adapter().join(handle, &list),
        );
    }

    /// Leaves rooms, at once.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut list = Vec::new();
        rooms.into_rooms(&mut list);
        self.with_rooms(
            |held| held.retain(|room| !list.contains(room)),
            |handle| self.0.space.adapter().leave(handle, &list),
        );
    }

    /// Leaves all rooms but its own.
    pub fn leave_all(&self) {
        self.with_rooms(Vec::clear, |handle| self.0.space.adapter().leave_all(handle));
    }

    /// The rooms it is in, its own first; in `on_disconnecting` those that it was in.
    pub fn rooms(&self) -> Vec<Room> {
        let state = self.state();
        match (self.0.phase.load(Ordering::Acquire), self.0.handle.get()) {
            (ACTIVE, Some(handle)) => {
                drop(state);
                self.0.space.adapter().rooms(*handle)
            }
            (CLOSED, _) => state.rooms.clone(),
            _ => {
                let mut rooms = vec![Room::new(self.0.id.clone())];
                for room in &state.rooms {
                    if !rooms.contains(room) {
                        rooms.push(room.clone());
                    }
                }
                rooms
            }
        }
    }

    fn with_rooms(&self, held: impl FnOnce(&mut Vec<Room>), live: impl FnOnce(Handle)) {
        let mut state = self.state();
        match (self.0.phase.load(Ordering::Acquire), self.0.handle.get()) {
            (ACTIVE, Some(handle)) => {
                drop(state);
                live(*handle);
            }
            (CLOSED, _) => {}
            _ => held(&mut state.rooms),
        }
    }

    /// Says whose socket this is: it joins the user's room, which no client can name, and leaves a former user's.
    pub fn set_user(&self, user: impl Into<String>) {
        let room = Room::user(user.into());
        let before = self.state().user.replace(room.clone());
        if let Some(before) = before {
            self.leave(before);
        }
        self.join(room);
    }

    /// Whose socket this is, if anybody said.
    pub fn user(&self) -> Option<String> {
        self.state().user.as_ref().map(|room| room.name().to_owned())
    }

    // ---- the end

    /// Leaves the namespace: the client is told, and the connection's other namespaces go on.
    pub fn disconnect(&self) {
        self.leave_namespace(DisconnectReason::ServerNamespaceDisconnect);
    }

    /// Leaves the namespace and ends the connection, with every other namespace on it.
    pub fn disconnect_transport(&self) {
        self.0.link.close(Reason::ForcedServerClose);
    }

    /// Resolves when the socket has left its namespace.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let notify = self.state().closed.get_or_insert_default().clone();
        let socket = self.clone();
        async move {
            let mut notified = std::pin::pin!(notify.notified());
            // Enabled before the look at the phase, or an end in between would be missed.
            notified.as_mut().enable();
            if socket.0.phase.load(Ordering::Acquire) != CLOSED {
                notified.await;
            }
        }
    }

    /// Spawns a task that is dropped when the socket leaves its namespace.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        let closed = self.closed();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = closed => {}
                () = task => {}
            }
        })
    }

    /// Ends the socket, once; whoever ends it has the hooks run, by the connection's task where there is one.
    fn leave_namespace(&self, reason: DisconnectReason) {
        if !self.end() {
            return;
        }
        if self.was_accepted() {
            self.tell_disconnect();
        }
        if let Err(departure) = self.0.link.depart(Departure { socket: self.clone(), reason }) {
            self.0.io.hub().spawn(departure.socket.hooks(departure.reason));
        }
    }

    /// Queues the DISCONNECT packet.
    pub(crate) fn tell_disconnect(&self) {
        let _ = self.0.link.send(&self.outbound(Kind::Disconnect, None, None, &[]), Flags::default());
    }

    /// Marks the socket as closed and takes it out of its rooms; `false` if it was closed already.
    pub(crate) fn end(&self) -> bool {
        let (acks, notify) = {
            let mut state = self.state();
            let phase = self.0.phase.swap(CLOSED, Ordering::AcqRel);
            if phase == CLOSED {
                return false;
            }
            state.held = Vec::new();
            if phase != PENDING {
                state.rooms.clear();
            }
            (std::mem::take(&mut state.acks), state.closed.take())
        };
        drop(acks);
        if let Some(handle) = self.0.handle.get() {
            let adapter = self.0.space.adapter();
            let rooms = adapter.rooms(*handle);
            adapter.remove(*handle);
            self.state().rooms = rooms;
        }
        self.0.space.asks().lost(self.id());
        if let Some(notify) = notify {
            notify.notify_waiters();
        }
        true
    }

    /// What runs after [`end`](Self::end): the disconnect hooks, once.
    pub(crate) async fn hooks(self, reason: DisconnectReason) {
        tracing::debug!(target: "socketio::socket", socket = self.id(), %reason, "left");
        if !self.was_accepted() {
            return;
        }
        let moment = super::Disconnect { socket: self.clone(), reason };
        if let Some(hooks) = self.0.space.doors().disconnect(moment)
            && let Err(panic) =
                futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(hooks)).await
        {
            self.report(panicked(&*panic));
        }
    }

    /// Between `on_disconnecting` and `on_disconnect` the rooms vanish.
    pub(crate) fn forget_rooms(&self) {
        self.state().rooms = Vec::new();
    }

    /// Whether the client was ever told that it is in the namespace.
    pub(crate) fn was_accepted(&self) -> bool {
        self.state().accepted
    }

    // ---- what the connection and the rooms above need

    /// Queues the CONNECT reply, then what the hooks emitted, and enters the rooms.
    pub(crate) fn accept(&self) -> bool {
        let json = self.0.link.protocol().is_v5().then(|| json!({ "sid": self.id() }).to_string());
        {
            let mut state = self.state();
            if self.0.phase.load(Ordering::Acquire) != PENDING {
                return false;
            }
            let json = json.as_deref().map(str::as_bytes);
            if self.0.link.send(&self.outbound(Kind::Connect, None, json, &[]), Flags::default()).is_err() {
                return false;
            }
            for Held { id, json, attachments, flags } in state.held.drain(..) {
                let packet = self.outbound(Kind::Event, id, Some(&json), &attachments);
                let _ = self.0.link.send(&packet, flags);
            }
            state.held = Vec::new();
            state.accepted = true;
            self.0.phase.store(ACCEPTED, Ordering::Release);
        }
        let adapter = self.0.space.adapter();
        let member: Arc<dyn Member> = self.0.clone();
        let handle = *self.0.handle.get_or_init(|| adapter.add(member));
        loop {
            let mut state = self.state();
            if self.0.phase.load(Ordering::Acquire) == CLOSED {
                drop(state);
                adapter.remove(handle);
                return true;
            }
            let rooms = std::mem::take(&mut state.rooms);
            if rooms.is_empty() {
                self.0.phase.store(ACTIVE, Ordering::Release);
                return true;
            }
            drop(state);
            adapter.join(handle, &rooms);
        }
    }

    /// An ACK packet came.
    pub(crate) fn answered(&self, id: u64, arguments: Arguments) {
        let pending = {
            let mut state = self.state();
            let pending = state.acks.remove(&id);
            if state.acks.is_empty() {
                state.acks = HashMap::new();
            }
            pending
        };
        match pending {
            Some(pending) => drop(pending.send(arguments)),
            None => drop(self.0.space.asks().answer(id, self.id(), &arguments)),
        }
    }

    /// Tells the log and the namespace's `on_error` of an error.
    pub(crate) fn report(&self, error: WireError) {
        self.0.space.doors().error(self, error);
    }

    pub(crate) fn link(&self) -> &Arc<dyn Link> {
        &self.0.link
    }

    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.0.space
    }

    pub(crate) fn listeners(&self) -> Option<&Listeners> {
        self.0.listeners.get().map(|listeners| &**listeners)
    }

    pub(crate) fn listeners_mut(&self) -> &Listeners {
        self.0.listeners.get_or_init(Box::default)
    }

    /// Gives the listeners of its own for an event, and forgets those that listen once.
    pub(crate) fn take_listeners(&self, event: &str, mut each: impl FnMut(Arc<dyn Endpoint<PacketRequest>>)) {
        let Some(listeners) = self.listeners() else { return };
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let hears = *listener.event == *event;
            if hears {
                each(listener.endpoint.clone());
            }
            !(hears && listener.once)
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a caught panic says.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> WireError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "of an unknown kind".to_owned());
    WireError::from(std::io::Error::other(format!("a handler panicked: {text}")))
}

impl Inner {
    /// A packet was dropped because the connection's budget is spent: that is told, a closed connection is not.
    fn lost(&self, error: &EmitError) {
        if let (EmitError::Full, Some(socket)) = (error, self.me.upgrade()) {
            Socket(socket).report(WireError::from(EmitError::Full));
        }
    }
}

impl Member for Inner {
    fn id(&self) -> &str {
        &self.id
    }

    fn deliver(&self, packet: &Outgoing, flags: Flags) -> bool {
        if !matches!(self.phase.load(Ordering::Acquire), ACCEPTED | ACTIVE) {
            return false;
        }
        if self.link.protocol().base64 {
            let (json, attachments) = (Some(&packet.args()[..]), packet.attachments());
            let namespace = self.space.name();
            let packet = Outbound { kind: Kind::Event, namespace, id: packet.ack(), json, attachments };
            return self.link.send(&packet, flags).inspect_err(|error| self.lost(error)).is_ok();
        }
        self.link.send_shared(packet, flags).inspect_err(|error| self.lost(error)).is_ok()
    }

    fn ask(&self, packet: &Outgoing, flags: Flags, answers: &Arc<dyn Answers>) -> bool {
        if let Some(id) = packet.ack() {
            self.space.asks().asked(id, &self.id, answers);
        }
        self.deliver(packet, flags)
    }

    fn disconnect(&self, close: bool) {
        if let Some(socket) = self.me.upgrade().map(Socket) {
            if close { socket.disconnect_transport() } else { socket.disconnect() }
        }
    }

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        let handshake = self.link.handshake();
        let data = self.extensions.get::<Value>().unwrap_or_else(|| json!({}));
        let handshake = json!({
            "address": handshake.address.map(|address| address.ip().to_string()),
            "query": &*handshake.query,
            "secure": handshake.secure,
            "url": format!("{}?{}", handshake.path, handshake.query),
        });
        RemoteSocket::new(&*self.id, rooms, handshake.to_string().into(), data.to_string().into())
    }
}

/// The socket that an adapter knows as a member; `None` for members that an adapter of the user's own made.
pub(super) fn from_member(member: Arc<dyn Member>) -> Option<Socket> {
    let any: Arc<dyn Any + Send + Sync> = member;
    any.downcast().ok().map(Socket)
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.0.id)
            .field("namespace", &self.0.space.name())
            .finish_non_exhaustive()
    }
}

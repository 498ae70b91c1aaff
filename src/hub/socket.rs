use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, oneshot};
use tower_socketio_adapter::{Flags, Handle, IntoRooms, Offset, Room};
use tower_socketio_proto::socketio::{Arguments, Kind, write_event};

use super::kept::Kept;
use super::operators::SocketEmit;
use super::recovery::Trail;
use super::stack::Destination;
use super::{
    AckError, Broadcast, Conn, EmitError, EmitRequest, Endpoint, Extensions, Link, Name, Outbound,
    PacketRequest, Reply, Sent, SocketIo, Space, WireError,
};

/// A client in a namespace.
///
/// Clones are handles to the same socket. One that is kept after the client left leaks nothing but itself: emits are
/// [`EmitError::Closed`] and rooms are gone.
#[derive(Clone)]
pub struct Socket(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) me: Weak<Inner>,
    pub(super) id: Name,
    pub(super) link: Arc<dyn Link>,
    pub(super) space: Arc<Space>,
    pub(super) phase: AtomicU8,
    pub(super) handle: OnceLock<Handle>,
    pub(super) state: Mutex<State>,
    pub(super) extensions: Extensions,
    pub(super) listeners: OnceLock<Box<Listeners>>,
    /// By which its client may come back, where connections that were lost are recovered.
    pub(super) trail: Option<Arc<Trail>>,
}

#[derive(Default)]
pub(super) struct State {
    /// Before acceptance what waits for it, after the end the rooms that were left.
    pub(super) aside: Option<Box<Aside>>,
    /// Questions to the client that are open; there while there are some.
    pub(super) acks: Option<Box<Acks>>,
    pub(super) closed: Option<Arc<Notify>>,
    pub(super) user: Option<Room>,
    pub(super) accepted: bool,
    pub(super) kept: Option<Box<Kept>>,
    /// The client was told that it is connected before anybody decided.
    pub(super) greeted: bool,
}

/// What a socket has only while it enters and while it leaves.
#[derive(Default)]
pub(super) struct Aside {
    /// Before acceptance the rooms that were joined, after the end those that were left.
    pub(super) rooms: Vec<Room>,
    /// What was emitted before acceptance: whole packets.
    pub(super) held: Vec<Held>,
    /// Hears the events of a client that was greeted, until it is decided about.
    pub(super) early: Option<Arc<Early>>,
}

/// Who waits for what the client answers, by acknowledgement id.
pub(super) type Acks = HashMap<u64, oneshot::Sender<Arguments>>;

/// Hears the events of a socket that nobody has decided about; what it replies is the acknowledgement.
pub(super) type Early = dyn Fn(PacketRequest) -> Reply + Send + Sync;

pub(super) struct Held {
    pub(super) kind: Kind,
    pub(super) id: Option<u64>,
    pub(super) json: Vec<u8>,
    pub(super) attachments: Vec<Bytes>,
    pub(super) flags: Flags,
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
pub(super) const PENDING: u8 = 0;
/// The CONNECT reply is queued; rooms wait until the adapter knows the socket.
pub(super) const ACCEPTED: u8 = 1;
pub(super) const ACTIVE: u8 = 2;
pub(super) const CLOSED: u8 = 3;

thread_local! {
    // Taken and put back, so that a `Serialize` that emits gets a buffer of its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Larger buffers are given back to the allocator. Memory that goes back and forth is memory that the system has to clear:
/// for events of 64 KiB that cost four times what all the rest did.
const SCRATCH_KEPT: usize = 2 * 1024 * 1024;

pub(super) fn with_scratch<R>(f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = SCRATCH.take();
    buffer.clear();
    let result = f(&mut buffer);
    if buffer.capacity() <= SCRATCH_KEPT {
        SCRATCH.set(buffer);
    }
    result
}

impl Aside {
    fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.held.is_empty() && self.early.is_none()
    }
}

impl State {
    pub(super) fn aside(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Gives the memory back once nothing is aside.
    pub(super) fn tidy(&mut self) {
        if self.aside.as_ref().is_some_and(|aside| aside.is_empty()) {
            self.aside = None;
        }
    }

    pub(super) fn rooms(&self) -> &[Room] {
        self.aside.as_ref().map_or(&[], |aside| &aside.rooms)
    }

    /// Who waits for this answer; memory of a burst of questions is given back.
    fn take_ack(&mut self, id: u64) -> Option<oneshot::Sender<Arguments>> {
        let acks = self.acks.as_mut()?;
        let waiting = acks.remove(&id);
        if acks.is_empty() {
            self.acks = None;
        }
        waiting
    }
}

impl Socket {
    /// A socket of a client that was not here before; `stale` is the place of a packet that it got elsewhere.
    pub(crate) fn new(id: Name, link: Arc<dyn Link>, space: Arc<Space>, stale: Option<Offset>) -> Self {
        let trail = (space.log().is_some() && link.protocol().is_v5()).then(|| Trail::new(stale));
        Self::with(id, link, space, trail, Extensions::default())
    }

    pub(super) fn with(
        id: Name,
        link: Arc<dyn Link>,
        space: Arc<Space>,
        trail: Option<Arc<Trail>>,
        extensions: Extensions,
    ) -> Self {
        Self(Arc::new_cyclic(|me| Inner {
            me: me.clone(),
            id,
            link,
            space,
            phase: AtomicU8::new(PENDING),
            handle: OnceLock::new(),
            state: Mutex::default(),
            extensions,
            listeners: OnceLock::new(),
            trail,
        }))
    }

    /// Its id: 20 characters of `A-Za-z0-9_-`, unique and no secret.
    ///
    /// For EIO3 clients it is made from the session's id, because they compute it themselves, and then it is a secret:
    /// who knows it can take part in a polling session.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Its id for the log; of one that is a secret the last four characters.
    pub(crate) fn tag(&self) -> &str {
        let id = self.id();
        let start = if self.0.link.protocol().is_v5() { 0 } else { id.len().saturating_sub(4) };
        id.get(start..).unwrap_or_default()
    }

    /// The server it belongs to.
    pub fn io(&self) -> &SocketIo {
        self.0.link.io()
    }

    /// Everybody in its namespace, itself included.
    pub fn namespace(&self) -> Broadcast {
        Broadcast::of(self.io(), self.0.space.clone())
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
    /// It is queued at once. Before the client is accepted it is kept until after the CONNECT reply. When the client has
    /// left it is [`EmitError::Closed`]; with [`recovery`](crate::Builder::recovery) a client whose connection is lost
    /// gets it all the same if it comes back.
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
        self.namespace().except(Room::new(self.id()))
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
        if self.0.phase.load(Ordering::Acquire) == CLOSED && !self.is_away() {
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
                _ => state.acks.get_or_insert_default().insert(id, answer),
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
        state.take_ack(id);
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
                self.report(
                    None,
                    WireError::from(std::io::Error::other(format!("cannot emit `{event}`: {error}"))),
                );
                EmitError::from(error)
            })?;
            match self.0.space.emits() {
                None => self.deliver_event(json, attachments, id, flags),
                Some(layers) => {
                    let destination = Destination::One { socket: self.clone(), id, flags };
                    let request = EmitRequest::new(json, attachments, destination)?;
                    layers.send(request).into_result()
                }
            }
        })
    }

    /// Queues an event, or keeps it until the client is accepted.
    #[inline]
    pub(super) fn deliver_event(
        &self,
        json: &[u8],
        attachments: Vec<Bytes>,
        id: Option<u64>,
        flags: Flags,
    ) -> Result<(), EmitError> {
        if self.0.phase.load(Ordering::Acquire) == PENDING {
            let mut state = self.state();
            if self.0.phase.load(Ordering::Acquire) == PENDING {
                state.aside().held.push(Held {
                    kind: Kind::Event,
                    id,
                    json: json.to_vec(),
                    attachments,
                    flags,
                });
                return Ok(());
            }
        }
        if let (Some(trail), None) = (&self.0.trail, id) {
            return self.deliver_logged(trail, json, &attachments, flags);
        }
        if self.0.space.is_shared() {
            self.send_in_turn(Held { kind: Kind::Event, id, json: json.to_vec(), attachments, flags });
            return Ok(());
        }
        let (json, attachments) = (Some(json), attachments.as_slice());
        let sent = self.0.link.send(&self.outbound(Kind::Event, id, json, attachments), flags);
        self.0.told(sent)
    }

    pub(super) fn outbound<'a>(
        &'a self,
        kind: Kind,
        id: Option<u64>,
        json: Option<&'a [u8]>,
        attachments: &'a [Bytes],
    ) -> Outbound<'a> {
        Outbound { kind, namespace: self.0.space.name(), id, json, attachments, offset: None }
    }

    // ---- what the connection and the rooms above need

    /// An ACK packet came.
    pub(crate) fn answered(&self, id: u64, arguments: Arguments) {
        let pending = {
            let mut state = self.state();
            state.take_ack(id)
        };
        match pending {
            Some(pending) => drop(pending.send(arguments)),
            None => drop(self.0.space.asks().answer(id, self.id(), &arguments)),
        }
    }

    /// Tells the log and the namespace's `on_error` of an error.
    pub(crate) fn report(&self, event: Option<&str>, error: WireError) {
        self.0.space.doors().error(self, event, error);
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

    /// Adds a listener of its own; a closed socket hears nothing any more and keeps none.
    pub(crate) fn add_listener(&self, listener: Listener) {
        let listeners = self.0.listeners.get_or_init(Box::default);
        listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
        if self.0.phase.load(Ordering::Acquire) == CLOSED {
            self.forget_listeners();
        }
    }

    /// Listeners may hold the socket they are of; nothing else would break that circle.
    pub(super) fn forget_listeners(&self) {
        if let Some(listeners) = self.listeners() {
            let listeners = std::mem::take(&mut *listeners.lock().unwrap_or_else(PoisonError::into_inner));
            drop(listeners);
        }
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            .field("id", &self.tag())
            .field("namespace", &self.0.space.name())
            .finish_non_exhaustive()
    }
}

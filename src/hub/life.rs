use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::Notify;
use tower_socketio_adapter::{Flags, Member};
use tower_socketio_proto::engineio::Reason;
use tower_socketio_proto::socketio::{Arguments, Kind, write_event};

use super::kept::Letting;
use super::socket::{ACCEPTED, ACTIVE, Acks, CLOSED, Early, Held, PENDING};
use super::{
    AckSlot, Departure, DisconnectReason, EmitError, PacketRequest, Reply, ReplyKind, Socket, WireError,
};

/// How a socket begins and ends.
impl Socket {
    /// Queues the CONNECT reply, and has what the hooks emitted sent; `false` if the socket has ended.
    pub(super) fn tell_accepted(&self, send: impl FnOnce(Vec<Held>)) -> bool {
        let mut state = self.state();
        if self.0.phase.load(Ordering::Acquire) != PENDING || !(state.greeted || self.tell_connect()) {
            return false;
        }
        send(state.aside.as_mut().map(|aside| std::mem::take(&mut aside.held)).unwrap_or_default());
        state.accepted = true;
        self.0.phase.store(ACCEPTED, Ordering::Release);
        true
    }

    /// Makes the socket known to the adapter, and joins the rooms that waited for it.
    pub(super) fn enter_rooms(&self) {
        let adapter = self.0.space.adapter();
        let member: Arc<dyn Member> = self.0.clone();
        let handle = *self.0.handle.get_or_init(|| adapter.add(member));
        loop {
            let mut state = self.state();
            if self.0.phase.load(Ordering::Acquire) == CLOSED {
                drop(state);
                adapter.remove(handle);
                return;
            }
            let rooms =
                state.aside.as_mut().map(|aside| std::mem::take(&mut aside.rooms)).unwrap_or_default();
            if rooms.is_empty() {
                state.tidy();
                self.0.phase.store(ACTIVE, Ordering::Release);
                return;
            }
            drop(state);
            adapter.join(handle, &rooms);
        }
    }

    /// Queues the CONNECT reply.
    fn tell_connect(&self) -> bool {
        // Both ids are of our own making, and need no escapes.
        let reply = || match self.pid() {
            Some(pid) => [r#"{"sid":""#, self.id(), r#"","pid":""#, &pid, r#""}"#].concat(),
            None => [r#"{"sid":""#, self.id(), r#""}"#].concat(),
        };
        let json = self.0.link.protocol().is_v5().then(reply);
        let json = json.as_deref().map(str::as_bytes);
        self.0.link.send(&self.outbound(Kind::Connect, None, json, &[]), Flags::default()).is_ok()
    }

    /// Tells the client that it is connected before anybody decided; until then `early` hears its events.
    pub(super) fn greet(&self, early: Arc<Early>) -> bool {
        let mut state = self.state();
        if state.greeted || self.0.phase.load(Ordering::Acquire) != PENDING || !self.tell_connect() {
            return false;
        }
        state.greeted = true;
        state.aside().early = Some(early);
        true
    }

    pub(crate) fn was_greeted(&self) -> bool {
        self.state().greeted
    }

    /// It was decided about, and nobody hears its events early any more.
    pub(super) fn forget_early(&self) {
        let early = {
            let mut state = self.state();
            let early = state.aside.as_mut().and_then(|aside| aside.early.take());
            state.tidy();
            early
        };
        // Where no lock is held: it may hold what emits when it is dropped.
        drop(early);
    }

    /// What an event of a socket is answered that was greeted and not decided about; `false` if it has to wait.
    pub(crate) fn answer_early(&self, arguments: &Arguments, id: Option<u64>) -> bool {
        let early = self.state().aside.as_ref().and_then(|aside| aside.early.clone());
        let Some(early) = early else { return false };
        let ack = id.map(|id| Arc::new(AckSlot::new(self.clone(), id)));
        let request = PacketRequest {
            socket: self.clone(),
            arguments: arguments.clone(),
            ack: ack.clone(),
            ack_taken: false,
            extensions: None,
        };
        let name = arguments.name();
        let reply = catch_unwind(AssertUnwindSafe(|| early(request)));
        let reply = reply.unwrap_or_else(|panic| Reply::error(panicked(&*panic)));
        if let Some(ack) = ack {
            ack.reply(&reply);
        }
        if let ReplyKind::Error(error) = reply.0 {
            self.report(Some(name), error);
        }
        true
    }

    /// Acknowledges an event of a client that was greeted as soon as it is in, behind what was emitted; never, if it is
    /// refused.
    pub(super) fn acknowledge_when_in(&self, id: u64, json: Vec<u8>, attachments: Vec<Bytes>) {
        let held = Held { kind: Kind::Ack, id: Some(id), json, attachments, flags: Flags::default() };
        let mut state = self.state();
        if self.0.phase.load(Ordering::Acquire) == PENDING {
            state.aside().held.push(held);
        }
    }

    /// Emits to a client that was greeted, whatever is held for it. The last argument is no string: the client would take
    /// it for the number of a packet.
    pub(crate) fn emit_early(&self, event: &str, data: impl serde::Serialize) -> Result<(), EmitError> {
        let mut json = Vec::new();
        let attachments = write_event(&mut json, event, &data)?;
        let packet = self.outbound(Kind::Event, None, Some(&json), &attachments);
        // Locked, so that nothing comes behind the packet by which the socket is ended.
        let state = self.state();
        if !state.greeted || self.0.phase.load(Ordering::Acquire) != PENDING {
            return Err(EmitError::Closed);
        }
        self.0.link.send(&packet, Flags::default()).map(drop)
    }

    /// Leaves the namespace: the client is told, and the connection's other namespaces go on.
    pub fn disconnect(&self) {
        let leave = |socket: &Self| socket.leave_namespace(DisconnectReason::ServerNamespaceDisconnect);
        if self.0.phase.load(Ordering::Acquire) == PENDING {
            // A hook that disconnects refuses the client, which has got nothing yet that it could wait for.
            return leave(self);
        }
        self.in_turn(leave);
    }

    /// Leaves the namespace and ends the connection, with every other namespace on it.
    pub fn disconnect_transport(&self) {
        let close = |socket: &Self| socket.0.link.close(Reason::ForcedServerClose);
        if self.0.phase.load(Ordering::Acquire) == PENDING {
            // A hook that ends the connection refuses the client.
            self.end();
            return close(self);
        }
        self.in_turn(close);
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
        self.tell_disconnect();
        if let Err(departure) = self.0.link.depart(Departure { socket: self.clone(), reason }) {
            // Elsewhere: whoever calls this may hold what they need.
            self.io().hub().spawn_awaited(departure.socket.hooks_later(departure.reason));
        }
    }

    /// Whether it is over with it, accepted or not.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == CLOSED
    }

    /// Queues the DISCONNECT packet, if the client was told that it is in.
    pub(crate) fn tell_disconnect(&self) {
        if !self.was_accepted() && !self.was_greeted() {
            return;
        }
        let _ = self.0.link.send(&self.outbound(Kind::Disconnect, None, None, &[]), Flags::default());
    }

    /// Marks the socket as closed and takes it out of its rooms; `false` if it was closed already.
    pub(crate) fn end(&self) -> bool {
        let Some(left) = self.stop() else { return false };
        self.leave_rooms();
        self.clean_up(left);
        true
    }

    /// Marks the socket as closed; `None` if it was closed already.
    pub(super) fn stop(&self) -> Option<Left> {
        let mut state = self.state();
        let phase = self.0.phase.swap(CLOSED, Ordering::AcqRel);
        if phase == CLOSED {
            return None;
        }
        let aside = state.aside.take();
        let (rooms, early) = aside.map_or_else(Default::default, |aside| (aside.rooms, aside.early));
        if phase == PENDING && !rooms.is_empty() {
            state.aside().rooms = rooms;
        }
        let acks = state.acks.take();
        Some(Left { acks, early, closed: state.closed.take() })
    }

    /// Lets go of everything but what the disconnect hooks may ask for.
    pub(super) fn clean_up(&self, left: Left) {
        drop(left.acks);
        drop(left.early);
        if let Some(trail) = &self.0.trail {
            trail.stay_away();
        }
        self.forget_listeners();
        self.forget_slots();
        if !self.was_accepted() {
            // No disconnect hooks will run.
            self.let_go();
        }
        self.0.space.asks().lost(self.id());
        if let Some(closed) = left.closed {
            closed.notify_waiters();
        }
    }

    /// What runs after [`end`](Self::end): the disconnect hooks, once; `None` if there are none.
    pub(crate) fn hooks(self, reason: DisconnectReason) -> Option<impl Future<Output = ()> + Send + 'static> {
        hooks(Letting(self), reason)
    }

    /// The disconnect hooks, of which none is begun or looked for before this is polled.
    pub(crate) fn hooks_later(self, reason: DisconnectReason) -> impl Future<Output = ()> + Send + 'static {
        // Also if nobody runs them.
        let letting = Letting(self);
        async move {
            if let Some(hooks) = hooks(letting, reason) {
                hooks.await;
            }
        }
    }

    /// Between `on_disconnecting` and `on_disconnect` the rooms vanish.
    pub(crate) fn forget_rooms(&self) {
        self.state().aside = None;
    }

    /// Whether the client was ever told that it is in the namespace.
    pub(crate) fn was_accepted(&self) -> bool {
        self.state().accepted
    }
}

fn hooks(letting: Letting, reason: DisconnectReason) -> Option<impl Future<Output = ()> + Send + 'static> {
    let Letting(socket) = &letting;
    tracing::debug!(target: "socketio::socket", socket = socket.tag(), %reason, "left");
    let mut hooks = None;
    if socket.was_accepted() {
        let moment = super::Disconnect { socket: socket.clone(), reason };
        hooks = socket.0.space.doors().disconnect(moment);
        if hooks.is_none() {
            socket.forget_rooms();
        }
    }
    if hooks.is_none() && !socket.has_farewells() {
        return None;
    }
    Some(async move {
        let Letting(socket) = &letting;
        if let Some(hooks) = hooks {
            if let Err(panic) = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(hooks)).await {
                socket.report(None, panicked(&*panic));
            }
            socket.forget_rooms();
        }
        for hook in socket.farewells(reason) {
            hook.await;
        }
    })
}

/// What a socket that was stopped leaves behind.
pub(super) struct Left {
    acks: Option<Box<Acks>>,
    /// Dropping it runs a program's code.
    early: Option<Arc<Early>>,
    closed: Option<Arc<Notify>>,
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

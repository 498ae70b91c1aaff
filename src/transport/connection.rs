use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tower_socketio_adapter::{Flags, Outgoing};
use tower_socketio_proto::engineio::{self, Event, Input, Reason, Refusal, Session, Transmit};
use tower_socketio_proto::socketio::Kind;

use super::io::Io;
use super::probe::Probe;
use super::queue::{OutQueue, Room};
use crate::hub::{
    Departure, EmitError, Extensions, Handshake, Hub, Link, LinkFacts, Outbound, Overflow, Protocol,
    Transport, form_of, frames, write_frames,
};

/// What a connection's task, its HTTP requests and its sockets share.
pub(super) struct Connection {
    pub(super) sid: Arc<str>,
    pub(super) protocol: Protocol,
    pub(super) handshake: Handshake,
    pub(super) hub: Arc<Hub>,
    extensions: Extensions,
    shared: Mutex<Shared>,
}

pub(super) struct Shared {
    pub(super) session: Session,
    pub(super) queue: OutQueue,
    pub(super) notices: Notices,
    /// The task is being polled, or is to be: it looks at everything again before it sleeps, and needs no wake.
    corked: bool,
    waker: Option<Waker>,
    /// How many packets the overflow policy has dropped.
    dropped: u64,
    /// Who waits for room in the queue.
    ready: Vec<Waker>,
    pub(super) polling: Option<Box<Polling>>,
    /// The task has ended its sockets; from now on nobody looks at the notices.
    ended: bool,
}

/// What the task has to look at.
#[derive(Default)]
pub(super) struct Notices {
    pub(super) departures: Vec<Departure>,
    pub(super) probe: Option<Box<(Io, Bytes)>>,
    pub(super) probe_pong: bool,
    pub(super) probe_dropped: bool,
    pub(super) upgraded: bool,
    /// The server wants an end.
    pub(super) close: Option<Reason>,
    /// The peer takes too little: the end, without sending what waits.
    pub(super) overflowed: bool,
    /// The session is over.
    pub(super) closed: Option<Reason>,
}

impl Notices {
    pub(super) fn any(&self) -> bool {
        !self.departures.is_empty()
            || self.probe.is_some()
            || self.probe_pong
            || self.probe_dropped
            || self.upgraded
            || self.close.is_some()
            || self.overflowed
            || self.closed.is_some()
    }
}

/// The requests of a polling session.
#[derive(Default)]
pub(super) struct Polling {
    /// The GET that waits.
    pub(super) poll: Option<Waker>,
    /// The body of a POST, for the task.
    pub(super) body: Option<Body>,
    /// The POST that is being read, or waits for its turn.
    pub(super) post: Option<Waker>,
}

pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) binary: bool,
}

impl Connection {
    pub(super) fn new(
        sid: Arc<str>,
        protocol: Protocol,
        handshake: Handshake,
        hub: Arc<Hub>,
        transport: engineio::Transport,
        now: Instant,
    ) -> Self {
        let polling = transport == engineio::Transport::Polling;
        let session = Session::new(protocol.version, transport, &hub.config.timing, now);
        let apart = polling || hub.config.overflow == Overflow::DropOldest;
        let shared = Shared {
            session,
            queue: OutQueue::new(apart),
            notices: Notices::default(),
            corked: true,
            waker: None,
            dropped: 0,
            ready: Vec::new(),
            polling: polling.then(Box::default),
            ended: false,
        };
        let extensions = Extensions::default();
        Self { sid, protocol, handshake, hub, extensions, shared: Mutex::new(shared) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session an input and acts on what it says; wakes the task if that is for it.
    pub(super) fn feed(&self, input: Input<'_>) -> Option<Refusal> {
        let mut shared = self.lock();
        let deadline = shared.session.timeout();
        let refusal = shared.feed(self, input);
        if shared.notices.any() || shared.session.timeout() < deadline || shared.session.is_closed() {
            shared.wake(self.hub.config.send_budget);
        } else {
            shared.wake_requests();
        }
        refusal
    }

    /// Gives a POST's body to the task as soon as it has taken the one before; forgets it if the session is over.
    pub(super) fn poll_offer(&self, cx: &Context<'_>, body: &mut Option<Body>) -> Poll<()> {
        let mut shared = self.lock();
        let closed = shared.session.is_closed();
        let Some(polling) = &mut shared.polling else { return Poll::Ready(()) };
        if polling.body.is_some() && !closed {
            polling.post = Some(cx.waker().clone());
            return Poll::Pending;
        }
        polling.post = None;
        if !closed {
            polling.body = body.take();
            shared.wake(self.hub.config.send_budget);
        }
        Poll::Ready(())
    }

    /// Offers a WebSocket that wants to take the session over; given back when the session is over.
    pub(super) fn offer_probe(&self, io: Io, early: Bytes) -> Result<(), Box<Probe>> {
        let mut shared = self.lock();
        if shared.ended {
            return Err(Box::new(Probe::new(io, &early, self.hub.config.max_payload)));
        }
        shared.notices.probe = Some(Box::new((io, early)));
        shared.wake(self.hub.config.send_budget);
        Ok(())
    }

    /// Whether the session has ended while a POST is read; if not, its end wakes the reader.
    pub(super) fn is_over_for_post(&self, cx: &Context<'_>) -> bool {
        let mut shared = self.lock();
        let closed = shared.session.is_closed();
        match &mut shared.polling {
            Some(polling) if !closed => {
                polling.post = Some(cx.waker().clone());
                false
            }
            _ => true,
        }
    }

    pub(super) fn wake(&self) {
        self.lock().wake(self.hub.config.send_budget);
    }

    /// The clock that tests can stop.
    pub(super) fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// Whether a packet may be queued, and how many others gave way to it.
    fn admit(&self, shared: &mut Shared, size: usize, flags: Flags) -> Result<u64, EmitError> {
        if shared.session.is_closed() || shared.notices.overflowed {
            return Err(EmitError::Closed);
        }
        if flags.volatile && !shared.is_writable() {
            return Err(EmitError::Dropped);
        }
        let config = &self.hub.config;
        match shared.queue.room(size, config.send_budget, config.overflow) {
            Room::Enough => Ok(0),
            Room::Made(dropped) => {
                shared.note_dropped(dropped);
                Ok(dropped)
            }
            Room::Dropped(others) => {
                shared.note_dropped(1 + others);
                Err(EmitError::Full)
            }
            Room::Overflow => {
                tracing::warn!(target: "socketio::engine", "`send_budget` is spent: the connection is closed");
                shared.notices.overflowed = true;
                shared.wake(config.send_budget);
                Err(EmitError::Full)
            }
        }
    }
}

impl Connection {
    fn admit_packet(
        &self,
        shared: &mut Shared,
        packet: &Outbound<'_>,
        size: usize,
        flags: Flags,
    ) -> Result<u64, EmitError> {
        // A DISCONNECT is sent whatever waits: it is small, and comes once for each accepted socket.
        if packet.kind == Kind::Disconnect && !shared.session.is_closed() {
            return Ok(0);
        }
        self.admit(shared, size, flags)
    }
}

/// Above so much that waits, answers to pings are left out: only the latest ping needs one (RFC 6455 §5.5.3).
pub(super) const CONTROL_LIMIT: usize = 16 * 1024;

impl Shared {
    pub(super) fn feed(&mut self, connection: &Connection, input: Input<'_>) -> Option<Refusal> {
        self.session.handle(input, &connection.hub.config.timing, Connection::now());
        self.settle()
    }

    pub(super) fn time_out(&mut self, connection: &Connection, now: Instant) {
        self.session.handle_timeout(&connection.hub.config.timing, now);
        self.settle();
    }

    /// Acts on what the session has to say.
    fn settle(&mut self) -> Option<Refusal> {
        while let Some(transmit) = self.session.poll_transmit() {
            match transmit {
                Transmit::Ping => self.queue.push_text("2"),
                // A peer that asks and does not read gets no further answers.
                Transmit::Pong if self.queue.bytes() < CONTROL_LIMIT => self.queue.push_text("3"),
                Transmit::Pong => {}
                Transmit::ProbePong => self.notices.probe_pong = true,
                // Whatever waits already answers the poll as well.
                Transmit::Noop if self.queue.is_empty() => self.queue.push_text("6"),
                Transmit::Noop => {}
                Transmit::Close => {
                    if let Some(polling) = &self.polling
                        && polling.poll.is_none()
                        && self.queue.is_empty()
                    {
                        self.queue.push_text("6");
                    }
                    self.queue.push_text("1");
                }
            }
        }
        let mut refusal = None;
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Upgraded => self.notices.upgraded = true,
                Event::ProbeDropped => self.notices.probe_dropped = true,
                Event::Refused(refused) => refusal = Some(refused),
                Event::Closed(reason) => {
                    tracing::debug!(target: "socketio::engine", %reason, "session closed");
                    self.notices.closed = Some(reason);
                }
            }
        }
        refusal
    }

    fn note_dropped(&mut self, number: u64) {
        if self.dropped == 0 {
            tracing::warn!(target: "socketio::engine", "`send_budget` is spent: packets are dropped");
        }
        self.dropped += number;
    }

    /// Whether nothing stands between a packet and the peer.
    fn is_writable(&self) -> bool {
        self.queue.bytes() == 0 && self.polling.as_ref().is_none_or(|polling| polling.poll.is_some())
    }

    /// Wakes whom the present state concerns, unless the task is at work and will.
    pub(super) fn wake(&mut self, budget: usize) {
        if self.corked {
            return;
        }
        self.wake_requests();
        self.wake_ready(budget);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Something was queued: over polling that is for the poll that waits, over a WebSocket for the task.
    fn wake_for_queue(&mut self, budget: usize) {
        if self.polling.is_some() { self.wake_requests() } else { self.wake(budget) }
    }

    /// Wakes the requests of a polling session that have something to answer.
    fn wake_requests(&mut self) {
        if self.corked {
            return;
        }
        if let Some(polling) = &mut self.polling {
            if !self.queue.is_empty() || self.session.is_closed() {
                polling.poll.take().into_iter().for_each(Waker::wake);
            }
            if polling.body.is_none() || self.session.is_closed() {
                polling.post.take().into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Wakes those who wait for room, when there is some.
    fn wake_ready(&mut self, budget: usize) {
        if !self.ready.is_empty() && (self.queue.bytes() < budget / 2 || self.session.is_closed()) {
            self.ready.drain(..).for_each(Waker::wake);
        }
    }

    pub(super) fn is_corked(&self) -> bool {
        self.corked
    }

    pub(super) fn cork(&mut self) {
        self.corked = true;
    }

    /// The task is about to sleep.
    pub(super) fn uncork(&mut self, waker: &Waker, budget: usize) {
        self.corked = false;
        self.waker = None;
        self.wake(budget);
        self.waker = Some(waker.clone());
    }

    /// The task looks at nothing any more.
    pub(super) fn finish(&mut self, budget: usize) {
        self.corked = false;
        self.waker = None;
        self.wake(budget);
    }

    /// The task ends its sockets: takes what is left for it to do.
    pub(super) fn end(&mut self) -> Vec<Departure> {
        self.ended = true;
        std::mem::take(&mut self.notices.departures)
    }

    pub(super) fn closing(&mut self, reason: Reason) {
        self.notices.close.get_or_insert(reason);
    }
}

impl Link for Connection {
    fn sid(&self) -> &str {
        &self.sid
    }

    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    fn facts(&self) -> LinkFacts {
        let shared = self.lock();
        LinkFacts {
            transport: match shared.session.transport() {
                engineio::Transport::Polling => Transport::Polling,
                engineio::Transport::WebSocket => Transport::WebSocket,
            },
            upgraded: shared.session.upgraded(),
            waiting: shared.queue.bytes(),
            dropped: shared.dropped,
            closed: shared.session.is_closed(),
        }
    }

    fn send(&self, packet: &Outbound<'_>, flags: Flags) -> Result<u64, EmitError> {
        let estimate = 16
            + packet.namespace.len()
            + packet.json.map_or(0, <[u8]>::len)
            + packet.offset.map_or(0, |offset| offset.len() + 3)
            + packet.attachments.iter().map(|bytes| bytes.len() + 16).sum::<usize>();
        let gave_way;
        let mut shared = self.lock();
        if !shared.queue.is_apart() && estimate < super::queue::LARGE && self.protocol.parser.is_json() {
            gave_way = self.admit_packet(&mut shared, packet, estimate, flags)?;
            shared.queue.write(|out| write_frames(packet, &self.protocol, out));
        } else {
            drop(shared);
            let frames = frames(packet, &self.protocol);
            shared = self.lock();
            gave_way = self.admit_packet(&mut shared, packet, estimate, flags)?;
            shared.queue.push(&frames, packet.kind == Kind::Event && packet.id.is_none());
        }
        tracing::debug!(target: "socketio::parser", kind = ?packet.kind, namespace = packet.namespace,
            id = packet.id, "sent");
        shared.wake_for_queue(self.hub.config.send_budget);
        Ok(gave_way)
    }

    fn send_shared(&self, packet: &Outgoing, flags: Flags) -> Result<u64, EmitError> {
        // Encoded outside of the lock, by whoever needs this form first.
        let frames = packet.form(form_of(self.protocol.version));
        let mut shared = self.lock();
        let gave_way = self.admit(&mut shared, frames.size(), flags)?;
        shared.queue.push(frames, packet.ack().is_none());
        shared.wake_for_queue(self.hub.config.send_budget);
        Ok(gave_way)
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut shared = self.lock();
        if shared.session.is_closed() {
            return Poll::Ready(false);
        }
        if shared.queue.bytes() < self.hub.config.send_budget / 2 {
            return Poll::Ready(true);
        }
        if !shared.ready.iter().any(|waker| waker.will_wake(cx.waker())) {
            shared.ready.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn depart(&self, departure: Departure) -> Result<(), Departure> {
        let mut shared = self.lock();
        if shared.ended {
            return Err(departure);
        }
        shared.notices.departures.push(departure);
        shared.wake(self.hub.config.send_budget);
        Ok(())
    }

    fn close(&self, reason: Reason) {
        let mut shared = self.lock();
        shared.closing(reason);
        shared.wake(self.hub.config.send_budget);
    }

    fn abandon(&self) {
        self.feed(Input::TransportClosed);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the session's id: who knows it can take part in the session.
        f.debug_struct("Connection").field("protocol", &self.protocol.version).finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tower_socketio_proto::engineio::{self, Event, Input, Reason, Refusal, Session, Transmit};

use super::io::Io;
use super::probe::Probe;
use super::queue::OutQueue;
use crate::hub::{Departure, Extensions, Handshake, Hub, Name, Overflow, Protocol, SocketIo};

/// What a connection's task, its HTTP requests and its sockets share.
pub(super) struct Connection {
    pub(super) sid: Name,
    pub(super) protocol: Protocol,
    pub(super) handshake: Handshake,
    pub(super) io: SocketIo,
    pub(super) extensions: Extensions,
    shared: Mutex<Shared>,
}

pub(super) struct Shared {
    pub(super) session: Session,
    pub(super) queue: OutQueue,
    /// What the task has to look at; there almost never.
    notices: Option<Box<Notices>>,
    /// The task is being polled, or is to be: it looks at everything again before it sleeps, and needs no wake.
    corked: bool,
    /// The alarm rang, and the task has not looked at its deadlines since.
    pub(super) rung: bool,
    waker: Option<Waker>,
    /// There once the queue has been too full for somebody.
    pub(super) pressure: Option<Box<Pressure>>,
    pub(super) polling: Option<Box<Polling>>,
    /// The task has ended its sockets; from now on nobody looks at the notices.
    pub(super) ended: bool,
}

#[derive(Default)]
pub(super) struct Pressure {
    /// How many packets the overflow policy has dropped.
    pub(super) dropped: u64,
    /// Who waits for room in the queue.
    pub(super) ready: Vec<Waker>,
}

/// What the task has to look at.
#[derive(Default)]
pub(super) struct Notices {
    pub(super) departures: Vec<Departure>,
    pub(super) probe: Option<(Io, Bytes)>,
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
        sid: Name,
        protocol: Protocol,
        handshake: Handshake,
        io: SocketIo,
        transport: engineio::Transport,
        now: Instant,
    ) -> Self {
        let config = &io.hub().config;
        let polling = transport == engineio::Transport::Polling;
        let session = Session::new(protocol.version, transport, &config.timing, now);
        let apart = polling || config.overflow == Overflow::DropOldest;
        let shared = Shared {
            session,
            queue: OutQueue::new(apart),
            notices: None,
            corked: true,
            rung: false,
            waker: None,
            pressure: None,
            polling: polling.then(Box::default),
            ended: false,
        };
        let extensions = Extensions::default();
        Self { sid, protocol, handshake, io, extensions, shared: Mutex::new(shared) }
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        self.io.hub()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session an input and acts on what it says; wakes the task if that is for it.
    pub(super) fn feed(&self, input: Input<'_>) -> Option<Refusal> {
        let mut shared = self.lock();
        let deadline = shared.session.timeout();
        let refusal = shared.feed(self, input);
        if shared.notices.is_some() || shared.session.timeout() < deadline || shared.session.is_closed() {
            shared.wake(self.hub().config.send_budget);
        } else {
            shared.wake_others(self.hub().config.send_budget);
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
            shared.wake(self.hub().config.send_budget);
        }
        Poll::Ready(())
    }

    /// Offers a WebSocket that wants to take the session over; given back when the session is over.
    pub(super) fn offer_probe(&self, io: Io, early: Bytes) -> Result<(), Box<Probe>> {
        let mut shared = self.lock();
        if shared.ended {
            return Err(Box::new(Probe::new(io, &early, self.hub().config.max_payload)));
        }
        shared.notices().probe = Some((io, early));
        shared.wake(self.hub().config.send_budget);
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
        self.lock().wake(self.hub().config.send_budget);
    }

    /// The clock that tests can stop.
    pub(super) fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// Above so much that waits, answers to pings are left out: only the latest ping needs one (RFC 6455 §5.5.3).
pub(super) const CONTROL_LIMIT: usize = 16 * 1024;

impl Shared {
    pub(super) fn feed(&mut self, connection: &Connection, input: Input<'_>) -> Option<Refusal> {
        self.session.handle(input, &connection.hub().config.timing, Connection::now());
        self.settle()
    }

    pub(super) fn time_out(&mut self, connection: &Connection, now: Instant) {
        self.session.handle_timeout(&connection.hub().config.timing, now);
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
                Transmit::ProbePong => self.notices().probe_pong = true,
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
                Event::Upgraded => self.notices().upgraded = true,
                Event::ProbeDropped => self.notices().probe_dropped = true,
                Event::Refused(refused) => refusal = Some(refused),
                Event::Closed(reason) => {
                    tracing::debug!(target: "socketio::engine", %reason, "session closed");
                    self.notices().closed = Some(reason);
                }
            }
        }
        refusal
    }

    pub(super) fn note_dropped(&mut self, number: u64) {
        let pressure = self.pressure.get_or_insert_default();
        if pressure.dropped == 0 {
            tracing::warn!(target: "socketio::engine", "`send_budget` is spent: packets are dropped");
        }
        pressure.dropped += number;
    }

    /// Whether nothing stands between a packet and the peer.
    pub(super) fn is_writable(&self) -> bool {
        self.queue.bytes() == 0 && self.polling.as_ref().is_none_or(|polling| polling.poll.is_some())
    }

    /// Wakes whom the present state concerns, unless the task is at work and will.
    pub(super) fn wake(&mut self, budget: usize) {
        if self.corked {
            return;
        }
        self.wake_others(budget);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Wakes everybody but the task: a poll that was answered is none of its business, and makes room.
    fn wake_others(&mut self, budget: usize) {
        if !self.corked {
            self.wake_requests();
            self.wake_ready(budget);
        }
    }

    /// Something was queued: over polling that is for the poll that waits, over a WebSocket for the task.
    pub(super) fn wake_for_queue(&mut self, budget: usize) {
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
        let has_room = self.queue.bytes() < budget / 2 || self.session.is_closed();
        if let Some(pressure) = self.pressure.as_mut().filter(|_| has_room) {
            std::mem::take(&mut pressure.ready).into_iter().for_each(Waker::wake);
        }
    }

    pub(super) fn notices(&mut self) -> &mut Notices {
        self.notices.get_or_insert_default()
    }

    pub(super) fn has_notices(&self) -> bool {
        self.notices.is_some()
    }

    pub(super) fn take_notices(&mut self) -> Option<Box<Notices>> {
        self.notices.take()
    }

    /// Whether the probe is over, one way or the other.
    pub(super) fn has_probed(&self) -> bool {
        self.notices.as_ref().is_some_and(|notices| notices.upgraded || notices.probe_dropped)
    }

    pub(super) fn has_overflowed(&self) -> bool {
        self.notices.as_ref().is_some_and(|notices| notices.overflowed)
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
        self.wake_others(budget);
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
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
        self.notices.as_mut().map(|notices| std::mem::take(&mut notices.departures)).unwrap_or_default()
    }

    pub(super) fn closing(&mut self, reason: Reason) {
        self.notices().close.get_or_insert(reason);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the session's id: who knows it can take part in the session.
        f.debug_struct("Connection").field("protocol", &self.protocol.version).finish_non_exhaustive()
    }
}

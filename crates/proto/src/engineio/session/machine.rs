//! The machine itself.

use std::time::Instant;

use super::heartbeat::{Due, Heartbeat};
use super::io::{Event, Input, Reason, Refusal, Timing, Transmit, Transport, after};
use super::outbox::Outbox;
use crate::engineio::{Kind, Version};

/// One client's session, from its handshake to its end, over one transport or two.
///
/// It is driven in a fixed rhythm: after each [`handle`](Self::handle) and [`handle_timeout`](Self::handle_timeout),
/// call [`poll_transmit`](Self::poll_transmit) and then [`poll_event`](Self::poll_event) until they have no more, and
/// wait until [`timeout`](Self::timeout) at the longest. Nothing in here reads a clock, so the same calls always give
/// the same answers.
///
/// A session over a WebSocket may pass MESSAGE packets straight to the layer above and only say that they came, by
/// [`alive`](Self::alive).
#[derive(Debug)]
pub struct Session {
    heartbeat: Heartbeat,
    /// When the upgrade must be over; without meaning unless one is under way.
    probe_deadline: Instant,
    path: Path,
    poll_waits: bool,
    post_open: bool,
    closed: bool,
    outbox: Outbox,
}

/// How far the session is on its way between the transports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path {
    Polling,
    /// Still polling; a WebSocket is there that has not said `2probe` yet.
    Probing,
    /// Still polling; the WebSocket's probe was answered, and every poll ends at once.
    Probed,
    /// Over a WebSocket, after polling.
    Upgraded,
    /// Over a WebSocket from the beginning.
    WebSocket,
}

impl Session {
    /// A session whose handshake is sent at `now`.
    pub fn new(version: Version, transport: Transport, timing: &Timing, now: Instant) -> Self {
        Self {
            heartbeat: Heartbeat::new(version, timing, now),
            probe_deadline: now,
            path: match transport {
                Transport::Polling => Path::Polling,
                Transport::WebSocket => Path::WebSocket,
            },
            poll_waits: false,
            post_open: false,
            closed: false,
            outbox: Outbox::default(),
        }
    }

    /// Takes in what happened at `now`. A closed session ignores everything.
    pub fn handle(&mut self, input: Input<'_>, timing: &Timing, now: Instant) {
        if self.closed {
            return;
        }
        match input {
            Input::Packet { kind, data: _ } => self.packet(kind, timing, now),
            Input::Invalid => self.close(Reason::ParseError),
            Input::ProbeOpened => self.probe_opened(timing, now),
            Input::Probe { kind, data } => self.probe(kind, data),
            Input::ProbeClosed => self.drop_probe(),
            Input::PollOpened => self.poll_opened(),
            Input::PollAnswered => self.poll_waits = false,
            Input::PollAborted => self.poll_aborted(),
            Input::PostOpened => self.post_opened(),
            Input::PostFinished => self.post_open = false,
            Input::PostAborted => self.post_aborted(),
            Input::TransportClosed => self.close(Reason::TransportClose),
            Input::TransportFailed => self.close(Reason::TransportError),
            Input::ReadingPaused => self.heartbeat.pause(timing, now),
            Input::ReadingResumed => self.heartbeat.resume(timing, now),
            Input::Close(reason) => self.shut(reason),
        }
    }

    /// Notes that a packet came over the session's own transport which needed no decision, such as a MESSAGE.
    ///
    /// In v4 it puts off the deadline of a pending ping, once. Unless a ping is pending this is a single comparison.
    #[inline]
    pub fn alive(&mut self, timing: &Timing, now: Instant) {
        self.heartbeat.alive(timing, now);
    }

    /// Does what is due at `now`; without effect before [`timeout`](Self::timeout).
    pub fn handle_timeout(&mut self, timing: &Timing, now: Instant) {
        if self.closed {
            return;
        }
        // Node `_maybeUpgrade`: a client that does not complete the upgrade loses the probe, not the session.
        if self.is_probing() && now >= self.probe_deadline {
            self.drop_probe();
        }
        // Whatever the transport. Node forgets this deadline at the upgrade, so that silent EIO3 clients stay forever.
        match self.heartbeat.expire(timing, now) {
            Some(Due::Ping) => self.outbox.transmit(Transmit::Ping),
            Some(Due::Death) => self.close(Reason::PingTimeout),
            None => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; never for a closed session.
    ///
    /// Every other call may move it in either direction. A call too early does no harm.
    pub fn timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let probe = self.is_probing().then_some(self.probe_deadline);
        match (self.heartbeat.timeout(), probe) {
            (Some(heartbeat), Some(probe)) => Some(heartbeat.min(probe)),
            (heartbeat, probe) => heartbeat.or(probe),
        }
    }

    /// What to send next.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.poll_transmit()
    }

    /// What happened next; to be asked when there is nothing to transmit any more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.poll_event()
    }

    /// The session's own transport; after the close, the last one.
    pub fn transport(&self) -> Transport {
        match self.path {
            Path::Polling | Path::Probing | Path::Probed => Transport::Polling,
            Path::Upgraded | Path::WebSocket => Transport::WebSocket,
        }
    }

    /// The protocol's version.
    pub fn version(&self) -> Version {
        self.heartbeat.version()
    }

    /// Whether a WebSocket is there that is not the session's own transport yet.
    pub fn is_probing(&self) -> bool {
        matches!(self.path, Path::Probing | Path::Probed)
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the session began with polling and moved to a WebSocket.
    pub fn upgraded(&self) -> bool {
        self.path == Path::Upgraded
    }

    fn packet(&mut self, kind: Kind, timing: &Timing, now: Instant) {
        match (kind, self.version()) {
            // Protocol v4, "Heartbeat": the client answers the server's ping. As in Node, one that
            // nobody asked for counts as well.
            (Kind::Pong, Version::V4) => self.heartbeat.rest(timing, now),
            // Protocol v3, "ping": the client asks. Node answers without the data, even `2probe`.
            (Kind::Ping, Version::V3) => {
                self.heartbeat.rest(timing, now);
                self.outbox.transmit(Transmit::Pong);
            }
            // Node `onPacket`: "invalid heartbeat direction".
            (Kind::Ping, Version::V4) | (Kind::Pong, Version::V3) => self.close(Reason::TransportError),
            (Kind::Close, _) => self.closed_by_peer(),
            // Packets that only a server sends, or that belong on a probe, mean nothing here; Node ignores them, too.
            (Kind::Message | Kind::Open | Kind::Upgrade | Kind::Noop, _) => self.alive(timing, now),
        }
    }

    fn probe_opened(&mut self, timing: &Timing, now: Instant) {
        // Node `onWebSocket`: a second WebSocket is accepted and closed, whether the first is probing or in use.
        if self.path != Path::Polling {
            return self.outbox.event(Event::Refused(Refusal::SecondProbe));
        }
        self.path = Path::Probing;
        self.probe_deadline = after(now, timing.upgrade_timeout);
    }

    fn probe(&mut self, kind: Kind, data: &str) {
        if !self.is_probing() {
            return;
        }
        match (kind, data) {
            // Protocol v4, "Upgrade": the server answers the probe, and sends a noop to any pending GET. At once, where
            // Node waits for the next tick of 100 ms.
            (Kind::Ping, "probe") => {
                self.path = Path::Probed;
                self.outbox.transmit(Transmit::ProbePong);
                self.answer_poll(Transmit::Noop);
            }
            // Also before the probe's answer could arrive: older protocol test suites do not wait for it. Node demands
            // no probe at all, so a poll may still wait here.
            (Kind::Upgrade, _) => {
                self.path = Path::Upgraded;
                self.answer_poll(Transmit::Noop);
                self.outbox.event(Event::Upgraded);
            }
            // Node `_maybeUpgrade`: anything else closes the probing transport only.
            _ => self.drop_probe(),
        }
    }

    fn drop_probe(&mut self) {
        if self.is_probing() {
            self.path = Path::Polling;
            self.outbox.event(Event::ProbeDropped);
        }
    }

    fn poll_opened(&mut self) {
        match self.path {
            // Node: TRANSPORT_MISMATCH, the session lives.
            Path::Upgraded | Path::WebSocket => {
                self.outbox.event(Event::Refused(Refusal::TransportMismatch));
            }
            // Protocol v4, "HTTP long-polling": one GET at a time, or the server closes the session.
            _ if self.poll_waits => {
                self.outbox.event(Event::Refused(Refusal::SecondPoll));
                self.close(Reason::TransportError);
            }
            // The client may have polled again before it saw the probe's answer, and cannot send `5` until this ends.
            Path::Probed => self.outbox.transmit(Transmit::Noop),
            Path::Polling | Path::Probing => self.poll_waits = true,
        }
    }

    fn poll_aborted(&mut self) {
        // Node `onPollRequest`: "poll connection closed prematurely". Late news of an answered poll means nothing.
        if std::mem::take(&mut self.poll_waits) {
            self.close(Reason::TransportError);
        }
    }

    fn post_opened(&mut self) {
        match self.path {
            Path::Upgraded | Path::WebSocket => {
                self.outbox.event(Event::Refused(Refusal::TransportMismatch));
            }
            // Protocol v4, "HTTP long-polling": one POST at a time, or the server closes the session.
            _ if self.post_open => {
                self.outbox.event(Event::Refused(Refusal::SecondPost));
                self.close(Reason::TransportError);
            }
            Path::Polling | Path::Probing | Path::Probed => self.post_open = true,
        }
    }

    fn post_aborted(&mut self) {
        let was_open = std::mem::take(&mut self.post_open);
        // Node `onDataRequest`: "data request connection closed prematurely". After the upgrade the polling transport is
        // discarded and its end means nothing.
        if was_open && self.transport() == Transport::Polling {
            self.close(Reason::TransportError);
        }
    }

    /// The peer's close packet. Node ignores one over a WebSocket and waits for the heartbeat to fail.
    fn closed_by_peer(&mut self) {
        // Node `Polling.onClose`: "close pending poll request", with a noop.
        self.answer_poll(Transmit::Noop);
        self.close(Reason::TransportClose);
    }

    /// The server's own close, of which a polling client hears even if none of its polls waits now.
    fn shut(&mut self, reason: Reason) {
        if self.transport() == Transport::Polling {
            self.outbox.transmit(Transmit::Close);
        }
        self.close(reason);
    }

    fn close(&mut self, reason: Reason) {
        self.drop_probe();
        self.outbox.keep_answers();
        // Node `Polling.doClose`: a poll that waits is answered with the close packet.
        self.answer_poll(Transmit::Close);
        self.closed = true;
        self.outbox.event(Event::Closed(reason));
    }

    fn answer_poll(&mut self, answer: Transmit) {
        if std::mem::take(&mut self.poll_waits) {
            self.outbox.transmit(answer);
        }
    }
}

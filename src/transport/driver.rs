use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::request::Parts;
use pin_project_lite::pin_project;
use tokio::io::AsyncWrite;
use tokio::time::Sleep;
use tower_socketio_proto::engineio::{Input, Reason, decode_payload};
use tower_socketio_proto::socketio::Decoder;

use super::connection::{Body, Connection, Notices};
use super::dispatch::Dispatch;
use super::inbound::{End, Inbound};
use super::io::Io;
use super::probe::Probe;
use super::websocket::{Read, Reader};
use super::writer::Writer;
use crate::hub::{Overflow, Place};

pin_project! {
    /// A connection's one task: it reads, dispatches, writes and keeps one deadline.
    pub(super) struct Driver {
        #[pin]
        sleep: Sleep,
        // When `sleep` ends: a deadline that moves away is looked at when the old one is reached.
        armed: Instant,
        task: Task,
    }
}

pub(super) struct Task {
    pub(super) connection: Arc<Connection>,
    pub(super) dispatch: Dispatch,
    pub(super) decoder: Decoder,
    pub(super) wire: Wire,
    pub(super) probe: Option<Box<Probe>>,
    /// Something came since the last ping went out.
    pub(super) heard: bool,
    pub(super) paused: bool,
    /// The WebSocket's closing handshake is done, or cannot be.
    pub(super) closed: bool,
    /// The peer has closed its side of the stream, and everything it sent was read.
    pub(super) heard_out: bool,
    /// Nothing can be sent any more.
    pub(super) failed: bool,
    /// When the peer must have taken something of what waits.
    pub(super) write_deadline: Option<Instant>,
    /// When the client must be in a namespace.
    pub(super) connect_deadline: Option<Instant>,
    pub(super) phase: Phase,
    /// What the connection counts for at its client's address, until its end.
    _place: Option<Box<Place>>,
}

/// What carries the session's packets.
pub(super) enum Wire {
    Polling,
    WebSocket { io: Io, reader: Reader, writer: Writer },
}

pub(super) enum Phase {
    Open,
    /// The server ends the connection, and gives handlers in flight this long to answer.
    Draining(Reason, Instant),
    /// The sockets have ended; what waits may be sent until then.
    Lingering(Instant),
    /// Everything is sent; the peer's own end is waited for until then, as a reset would take the rest from it.
    Ending(Instant),
    Done,
}

impl Driver {
    pub(super) fn new(
        connection: Arc<Connection>,
        parts: Arc<Parts>,
        io: Option<(Io, Reader)>,
        place: Option<Box<Place>>,
    ) -> Self {
        let now = Connection::now();
        let deadline = now + connection.hub.config.connect_timeout;
        let decoder = Decoder::new(&connection.protocol.parser);
        let wire = match io {
            None => Wire::Polling,
            Some((io, reader)) => Wire::WebSocket { io, reader, writer: Writer::default() },
        };
        let armed = connection.lock().session.timeout().map_or(deadline, |timeout| timeout.min(deadline));
        Self {
            sleep: tokio::time::sleep_until(armed.into()),
            armed,
            task: Task {
                dispatch: Dispatch::new(connection.clone(), parts),
                connection,
                decoder,
                wire,
                probe: None,
                heard: false,
                paused: false,
                closed: false,
                heard_out: false,
                failed: false,
                write_deadline: None,
                connect_deadline: Some(deadline),
                phase: Phase::Open,
                _place: place,
            },
        }
    }

    /// Enters `/` for a client of EIO3, which does not ask.
    pub(super) fn enter_root(&mut self, cx: &mut Context<'_>) {
        let _ = self.task.dispatch.connect(cx, "/", None);
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let task = this.task;
        task.connection.lock().cork();
        loop {
            if let Poll::Ready(()) = task.poll(cx) {
                return Poll::Ready(());
            }
            let Some(deadline) = task.sleep(cx) else { continue };
            if deadline < *this.armed || this.sleep.is_elapsed() {
                this.sleep.as_mut().reset(deadline.into());
                *this.armed = deadline;
            }
            if this.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            task.connection.lock().cork();
            task.time_out(Connection::now());
        }
    }
}

impl Drop for Task {
    /// However the task ends, also by a panic or with the runtime, its sockets end.
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Done) {
            self.connection.lock().feed(&self.connection, Input::TransportFailed);
            self.drop_sockets(Reason::TransportError);
            self.finish();
        }
    }
}

impl Task {
    /// Does everything there is to do; pending when there is nothing more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.look(cx);
            if let Phase::Done = self.phase {
                return Poll::Ready(());
            }
            self.dispatch.poll(cx);
            if let Phase::Draining(reason, _) = self.phase
                && !self.dispatch.is_busy()
            {
                self.connection.lock().feed(&self.connection, Input::Close(reason));
                continue;
            }
            if let Err(error) = self.write(cx) {
                tracing::debug!(target: "socketio::ws", %error, "cannot write");
                self.fail();
                continue;
            }
            if !self.read(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Before the task sleeps: `None` if there is something new to look at, else the next deadline.
    fn sleep(&mut self, cx: &mut Context<'_>) -> Option<Instant> {
        let budget = self.connection.hub.config.send_budget;
        let mut shared = self.connection.lock();
        let blocked = matches!(&self.wire, Wire::WebSocket { writer, .. } if !writer.is_empty());
        let unwritten = matches!(self.wire, Wire::WebSocket { .. }) && !blocked && !shared.queue.is_empty();
        let posted = shared.polling.as_ref().is_some_and(|polling| polling.body.is_some());
        if unwritten || shared.notices.any() || (posted && !self.paused && matches!(self.phase, Phase::Open))
        {
            return None;
        }
        let mut deadline = shared.session.timeout();
        let phase = match self.phase {
            Phase::Draining(_, until) | Phase::Lingering(until) | Phase::Ending(until) => Some(until),
            Phase::Open | Phase::Done => None,
        };
        for other in [self.write_deadline, self.connect_deadline, phase].into_iter().flatten() {
            deadline = Some(deadline.map_or(other, |deadline| deadline.min(other)));
        }
        shared.uncork(cx.waker(), budget);
        // A session without any deadline is looked at now and then all the same.
        Some(deadline.unwrap_or_else(|| Connection::now() + Duration::from_secs(3600)))
    }

    /// A deadline was reached.
    fn time_out(&mut self, now: Instant) {
        let connection = self.connection.clone();
        {
            let mut shared = connection.lock();
            if shared.session.timeout().is_some_and(|timeout| timeout <= now) {
                if std::mem::take(&mut self.heard) {
                    shared.session.alive(&connection.hub.config.timing, now);
                }
                shared.time_out(&connection, now);
            }
        }
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.write_deadline) {
            tracing::debug!(target: "socketio::ws", "the peer took nothing for the `write_timeout`");
            self.fail();
        }
        if passed(self.connect_deadline) {
            // A hook that is still deciding has a deadline of its own.
            self.connect_deadline =
                self.dispatch.is_entering().then(|| now + connection.hub.config.connect_timeout);
            if !self.dispatch.has_entered() && self.connect_deadline.is_none() {
                connection.lock().feed(&connection, Input::Close(Reason::ForcedServerClose));
            }
        }
        match self.phase {
            Phase::Draining(reason, until) if until <= now => {
                connection.lock().feed(&connection, Input::Close(reason));
            }
            Phase::Lingering(until) | Phase::Ending(until) if until <= now => self.finish(),
            _ => {}
        }
    }

    // ---- notices

    fn look(&mut self, cx: &mut Context<'_>) {
        let notices = {
            let mut shared = self.connection.lock();
            if !shared.notices.any() {
                return;
            }
            std::mem::take(&mut shared.notices)
        };
        let Notices { departures, probe, probe_pong, probe_dropped, upgraded, close, overflowed, closed } =
            notices;
        for departure in departures {
            self.dispatch.departed(cx, departure);
        }
        if let Some(offer) = probe {
            let (io, early) = *offer;
            let max_payload = self.connection.hub.config.max_payload;
            let probe = Probe::new(io, &early, max_payload);
            // The session may have given up on it before HTTP was done with it.
            if self.connection.lock().session.is_probing() {
                self.probe = Some(Box::new(probe));
            } else {
                self.drop_probe(probe);
            }
        }
        if probe_pong && let Some(probe) = &mut self.probe {
            probe.pong();
        }
        if probe_dropped && let Some(probe) = self.probe.take() {
            self.drop_probe(*probe);
        }
        if upgraded && let Some(probe) = self.probe.take() {
            self.upgrade(*probe);
        }
        if let Some(reason) = closed {
            self.close(reason);
        } else if overflowed {
            let writing = match &self.wire {
                Wire::WebSocket { writer, .. } => writer.len(),
                Wire::Polling => 0,
            };
            self.connection.lock().queue.clear(writing);
            self.connection.lock().feed(&self.connection, Input::Close(Reason::ForcedServerClose));
        } else if let Some(reason) = close
            && matches!(self.phase, Phase::Open)
        {
            if reason == Reason::ServerShuttingDown {
                let grace = self.connection.hub.config.close_grace;
                self.phase = Phase::Draining(reason, Connection::now() + grace);
            } else {
                self.dispatch.leave_all(cx);
                self.connection.lock().feed(&self.connection, Input::Close(reason));
            }
        }
    }

    fn upgrade(&mut self, probe: Probe) {
        let apart = self.connection.hub.config.overflow == Overflow::DropOldest;
        let mut shared = self.connection.lock();
        shared.polling = None;
        shared.queue.upgrade(apart);
        drop(shared);
        let (io, reader, writer) = probe.into_parts();
        self.connection.lock().queue.adopt(writer.len());
        self.wire = Wire::WebSocket { io, reader, writer };
    }

    // ---- writing

    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Wire::WebSocket { io, writer, .. } = &mut self.wire else {
            self.lingered();
            return Ok(());
        };
        loop {
            if writer.is_empty() {
                self.connection.lock().queue.take(&mut writer.chunks, &mut writer.tail);
                if writer.is_empty() {
                    break;
                }
            }
            match writer.poll_write(io, cx)? {
                Poll::Ready(number) => {
                    self.write_deadline = None;
                    self.connection.lock().queue.written(number);
                }
                Poll::Pending => {
                    let timeout = self.connection.hub.config.write_timeout;
                    self.write_deadline.get_or_insert_with(|| Connection::now() + timeout);
                    return Ok(());
                }
            }
        }
        if let Io::Other(_) = io
            && Pin::new(&mut *io).poll_flush(cx)?.is_pending()
        {
            return Ok(());
        }
        self.lingered();
        Ok(())
    }

    // ---- reading

    /// Reads once; `false` if there is nothing to read.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let full = self.dispatch.is_full();
        if full != self.paused {
            self.paused = full;
            let input = if full { Input::ReadingPaused } else { Input::ReadingResumed };
            self.connection.lock().feed(&self.connection, input);
        }
        let probed = self.read_probe(cx);
        match self.phase {
            Phase::Open if !full => self.read_wire(cx) || probed,
            Phase::Ending(_) => self.read_end(cx),
            // It is to be looked at.
            Phase::Done => true,
            _ => probed,
        }
    }

    fn read_wire(&mut self, cx: &mut Context<'_>) -> bool {
        let Wire::WebSocket { io, reader, .. } = &mut self.wire else { return self.read_body(cx) };
        let mut inbound = Inbound {
            cx,
            connection: &self.connection,
            dispatch: &mut self.dispatch,
            decoder: &mut self.decoder,
            end: None,
        };
        let read = if reader.is_stopped() {
            Ok(reader.resume(&mut inbound))
        } else {
            let mut task = Context::from_waker(inbound.cx.waker());
            match reader.poll_read(io, &mut task, &mut inbound) {
                Poll::Pending => return false,
                Poll::Ready(read) => read,
            }
        };
        let end = inbound.end;
        self.heard = true;
        if let Some(end) = end {
            self.broken(end);
            return true;
        }
        match read {
            Ok(Read::Bytes(_) | Read::Stopped) => {}
            Ok(read @ (Read::Eof | Read::Closed)) => {
                (self.closed, self.heard_out) = (true, matches!(read, Read::Eof));
                self.connection.lock().feed(&self.connection, Input::TransportClosed);
            }
            Ok(Read::Failed(failure)) => self.failed(failure),
            Err(error) => {
                tracing::debug!(target: "socketio::ws", %error, "cannot read");
                self.fail();
            }
        }
        true
    }

    fn read_body(&mut self, cx: &mut Context<'_>) -> bool {
        let body = self.connection.lock().polling.as_mut().and_then(|polling| polling.body.take());
        let Some(Body { bytes, binary }) = body else { return false };
        if let Err(end) = self.payload(cx, &bytes, binary) {
            self.broken(end);
        }
        true
    }

    fn payload(&mut self, cx: &mut Context<'_>, bytes: &[u8], binary: bool) -> Result<(), End> {
        let version = self.connection.protocol.version;
        let limits = self.connection.limits();
        let packets = decode_payload(version, binary, bytes, &limits).map_err(|error| {
            tracing::debug!(target: "socketio::polling", %error, "invalid payload");
            End::Invalid
        })?;
        for packet in packets {
            let mut inbound = Inbound {
                cx,
                connection: &self.connection,
                dispatch: &mut self.dispatch,
                decoder: &mut self.decoder,
                end: None,
            };
            // A payload is taken whole, also when its events fill the budget: only the next body waits.
            inbound.packet(packet);
            match inbound.end {
                None => {}
                // What was said before the close packet counts.
                Some(End::Closed) => return Ok(()),
                Some(end) => return Err(end),
            }
        }
        Ok(())
    }

    fn read_probe(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(probe) = &mut self.probe else { return false };
        let connection = &self.connection;
        probe.poll(cx, connection.protocol.version, |input| {
            let mut shared = connection.lock();
            shared.feed(connection, input);
            // Nothing after the end of the probe is the probe's.
            !shared.notices.upgraded && !shared.notices.probe_dropped
        })
    }
}

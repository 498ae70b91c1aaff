use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::request::Parts;
use tokio::io::AsyncWrite;
use tower_socketio_proto::engineio::{Input, Reason, decode_payload};
use tower_socketio_proto::socketio::Decoder;

use super::connection::{Body, Connection, Notices};
use super::dispatch::Dispatch;
use super::inbound::{End, Inbound};
use super::io::Io;
use super::probe::Probe;
use super::queue::Batch;
use super::websocket::{Read, Reader};
use super::writer::Writer;
use crate::hub::{Due, Overflow, Place};

/// A connection's one task: it reads, dispatches, writes and keeps one deadline.
pub(super) struct Driver(Task);

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
    pub(super) write_deadline: Option<Due>,
    pub(super) phase: Phase,
    /// When the phase must be over; while it is open, when the client must be in a namespace.
    pub(super) until: Option<Due>,
    /// When the alarm rings: a deadline that moves away is looked at when the old one is reached.
    alarm: Option<Due>,
    /// What the connection counts for at its client's address, until its end.
    _place: Option<Box<Place>>,
}

/// What carries the session's packets.
pub(super) enum Wire {
    Polling,
    WebSocket { io: Io, reader: Reader, writer: Writer },
}

#[derive(Clone, Copy)]
pub(super) enum Phase {
    Open,
    /// The server ends the connection, and gives handlers in flight some time to answer.
    Draining(Reason),
    /// The sockets have ended; what waits may be sent.
    Lingering,
    /// Everything is sent; the peer's own end is waited for, as a reset would take the rest from it.
    Ending,
    Done,
}

impl Driver {
    pub(super) fn new(
        connection: Arc<Connection>,
        parts: Arc<Parts>,
        io: Option<(Io, Reader)>,
        place: Option<Box<Place>>,
    ) -> Self {
        let hub = connection.hub();
        let until = hub.due(Connection::now() + hub.config.connect_timeout);
        let decoder = Decoder::new(&connection.hub().config.parser);
        let wire = match io {
            None => Wire::Polling,
            Some((io, reader)) => Wire::WebSocket { io, reader, writer: Writer::default() },
        };
        Self(Task {
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
            phase: Phase::Open,
            until: Some(until),
            alarm: None,
            _place: place,
        })
    }

    /// Enters `/` for a client of EIO3, which does not ask.
    pub(super) fn enter_root(&mut self, cx: &mut Context<'_>) {
        let _ = self.0.dispatch.connect(cx, "/", None);
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = &mut self.get_mut().0;
        loop {
            if let Poll::Ready(()) = task.poll(cx) {
                return Poll::Ready(());
            }
            if task.sleep(cx) {
                return Poll::Pending;
            }
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
            if let Phase::Done = self.phase {
                return Poll::Ready(());
            }
            if self.dispatch.has_work() {
                self.connection.lock().cork();
                self.dispatch.poll(cx);
            }
            // Under one lock, as this is done for every packet.
            let batch = {
                let mut shared = self.connection.lock();
                shared.cork();
                if let Some(notices) = shared.take_notices() {
                    drop(shared);
                    self.heed(cx, *notices);
                    continue;
                }
                match &self.wire {
                    Wire::WebSocket { writer, .. } if writer.is_empty() => shared.queue.take(),
                    _ => Batch::Nothing,
                }
            };
            if let Phase::Draining(reason) = self.phase
                && !self.dispatch.is_busy()
            {
                self.connection.lock().feed(&self.connection, Input::Close(reason));
            }
            if let Err(error) = self.write(cx, batch) {
                tracing::debug!(target: "socketio::ws", %error, "cannot write");
                self.fail();
                continue;
            }
            if !self.read(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Sets the alarm and lets the task sleep; `false` if there is something new to look at.
    fn sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let mut shared = self.connection.lock();
        let blocked = matches!(&self.wire, Wire::WebSocket { writer, .. } if !writer.is_empty());
        let unwritten = matches!(self.wire, Wire::WebSocket { .. }) && !blocked && !shared.queue.is_empty();
        let posted = shared.polling.as_ref().is_some_and(|polling| polling.body.is_some());
        let posted = posted && !self.paused && matches!(self.phase, Phase::Open);
        if unwritten || shared.has_notices() || posted {
            return false;
        }
        // Not before everything is read and written that can be: it may be what the deadline is for.
        if std::mem::take(&mut shared.rung) {
            drop(shared);
            self.alarm = None;
            self.time_out(Connection::now());
            return false;
        }
        let hub = self.connection.hub();
        let mut deadline = shared.session.timeout().map(|timeout| hub.due(timeout));
        if self.write_deadline.is_some() || self.until.is_some() {
            deadline = [deadline, self.write_deadline, self.until].into_iter().flatten().min();
        }
        shared.uncork(cx.waker(), hub.config.send_budget);
        drop(shared);
        if let Some(deadline) = deadline
            && self.alarm.is_none_or(|alarm| deadline < alarm)
        {
            self.alarm = Some(deadline);
            hub.set_alarm(&self.connection.sid, deadline);
        }
        true
    }

    /// A deadline was reached.
    fn time_out(&mut self, now: Instant) {
        let connection = self.connection.clone();
        {
            let mut shared = connection.lock();
            if shared.session.timeout().is_some_and(|timeout| timeout <= now) {
                if std::mem::take(&mut self.heard) {
                    shared.session.alive(&connection.hub().config.timing, now);
                }
                shared.time_out(&connection, now);
            }
        }
        let hub = connection.hub();
        let due = hub.due(now);
        let passed = |deadline: Option<Due>| deadline.is_some_and(|deadline| deadline <= due);
        if passed(self.write_deadline) {
            tracing::debug!(target: "socketio::ws", "the peer took nothing for the `write_timeout`");
            self.fail();
        }
        if !passed(self.until) {
            return;
        }
        match self.phase {
            Phase::Open => {
                // A hook that is still deciding has a deadline of its own.
                let until = || hub.due(now + hub.config.connect_timeout);
                self.until = self.dispatch.is_entering().then(until);
                if !self.dispatch.has_entered() && self.until.is_none() {
                    connection.lock().feed(&connection, Input::Close(Reason::ForcedServerClose));
                }
            }
            Phase::Draining(reason) => {
                connection.lock().feed(&connection, Input::Close(reason));
            }
            Phase::Lingering | Phase::Ending => self.finish(),
            Phase::Done => {}
        }
    }

    /// When the `close_grace` that begins now is over.
    pub(super) fn within_grace(&self) -> Due {
        let hub = self.connection.hub();
        hub.due(Connection::now() + hub.config.close_grace)
    }

    // ---- notices

    fn heed(&mut self, cx: &mut Context<'_>, notices: Notices) {
        let Notices { departures, probe, probe_pong, probe_dropped, upgraded, close, overflowed, closed } =
            notices;
        for departure in departures {
            self.dispatch.departed(cx, departure);
        }
        if let Some((io, early)) = probe {
            let max_payload = self.connection.hub().config.max_payload;
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
                self.phase = Phase::Draining(reason);
                self.until = Some(self.within_grace());
            } else {
                self.dispatch.leave_all(cx);
                self.connection.lock().feed(&self.connection, Input::Close(reason));
            }
        }
    }

    fn upgrade(&mut self, probe: Probe) {
        let apart = self.connection.hub().config.overflow == Overflow::DropOldest;
        let mut shared = self.connection.lock();
        shared.polling = None;
        shared.queue.upgrade(apart);
        drop(shared);
        let (io, reader, writer) = probe.into_parts();
        self.connection.lock().queue.adopt(writer.len());
        self.wire = Wire::WebSocket { io, reader, writer };
    }

    // ---- writing

    fn write(&mut self, cx: &mut Context<'_>, mut batch: Batch) -> io::Result<()> {
        let Wire::WebSocket { io, writer, .. } = &mut self.wire else {
            self.lingered();
            return Ok(());
        };
        loop {
            let written = match batch {
                Batch::Nothing if writer.is_empty() => break,
                Batch::Nothing => writer.poll_write(io, cx)?,
                batch => writer.poll_batch(io, cx, batch)?,
            };
            match written {
                Poll::Ready(number) => {
                    self.write_deadline = None;
                    let mut shared = self.connection.lock();
                    shared.queue.written(number);
                    batch = if writer.is_empty() { shared.queue.take() } else { Batch::Nothing };
                }
                Poll::Pending => {
                    let hub = self.connection.hub();
                    let deadline = || hub.due(Connection::now() + hub.config.write_timeout);
                    self.write_deadline.get_or_insert_with(deadline);
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
            Phase::Ending => self.read_end(cx),
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
            !shared.has_probed()
        })
    }
}

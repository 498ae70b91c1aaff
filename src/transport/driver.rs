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
use tower_socketio_proto::engineio::{self, Input, Packet, Reason, Version, decode_payload};
use tower_socketio_proto::socketio::{self, Decoder};
use tower_socketio_proto::websocket::{CLOSE, write_header};

use super::connection::{Body, Connection, Notices};
use super::dispatch::{Dispatch, Violation};
use super::io::Io;
use super::probe::Probe;
use super::websocket::{Failure, Message, Read, Reader, Receive};
use super::writer::Writer;
use crate::hub::Overflow;

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

struct Task {
    connection: Arc<Connection>,
    dispatch: Dispatch,
    decoder: Decoder,
    wire: Wire,
    probe: Option<Box<Probe>>,
    /// Something came since the last ping went out.
    heard: bool,
    paused: bool,
    /// The WebSocket's closing handshake is done, or cannot be.
    closed: bool,
    /// When the peer must have taken something of what waits.
    write_deadline: Option<Instant>,
    /// When the client must be in a namespace.
    connect_deadline: Option<Instant>,
    phase: Phase,
}

/// What carries the session's packets.
enum Wire {
    Polling,
    WebSocket { io: Io, reader: Reader, writer: Writer },
}

enum Phase {
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
    pub(super) fn new(connection: Arc<Connection>, parts: Arc<Parts>, io: Option<(Io, Reader)>) -> Self {
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
                write_deadline: None,
                connect_deadline: Some(deadline),
                phase: Phase::Open,
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
            self.close(Reason::TransportError);
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
        if unwritten || shared.notices.any() || (posted && !self.paused && matches!(self.phase, Phase::Open)) {
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
            self.connect_deadline = None;
            if !self.dispatch.has_entered() {
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

    /// The transport has failed.
    fn fail(&mut self) {
        self.closed = true;
        let connection = self.connection.clone();
        let mut shared = connection.lock();
        shared.queue.clear();
        if matches!(self.phase, Phase::Lingering(_) | Phase::Ending(_)) {
            drop(shared);
            self.finish();
        } else {
            shared.feed(&connection, Input::TransportFailed);
            drop(shared);
            self.write_deadline = None;
            if let Wire::WebSocket { writer, .. } = &mut self.wire {
                *writer = Writer::default();
            }
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
        let Notices { departures, probe, probe_pong, probe_dropped, upgraded, close, overflowed, closed } = notices;
        for departure in departures {
            self.dispatch.departed(cx, departure);
        }
        if let Some(offer) = probe {
            let (io, early) = *offer;
            let max_payload = self.connection.hub.config.max_payload;
            self.probe = Some(Box::new(Probe::new(io, &early, max_payload)));
        }
        if let Some(probe) = &mut self.probe {
            if probe_pong {
                probe.pong();
            }
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
            self.connection.lock().queue.clear();
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

    /// A probe that ends is told so, by a task of its own.
    fn drop_probe(&self, probe: Probe) {
        let hub = &self.connection.hub;
        hub.spawn(probe.close(hub.config.close_grace));
    }

    /// The session is over: ends the sockets, and lets what waits be sent.
    fn close(&mut self, reason: Reason) {
        if matches!(self.phase, Phase::Lingering(_) | Phase::Ending(_) | Phase::Done) {
            return;
        }
        let departures = self.connection.lock().end();
        self.dispatch.end(reason.into(), departures);
        if let Some(probe) = self.probe.take() {
            self.drop_probe(*probe);
        }
        self.write_deadline = None;
        self.connect_deadline = None;
        let ours =
            matches!(reason, Reason::ForcedClose | Reason::ForcedServerClose | Reason::ServerShuttingDown);
        let until = Connection::now() + self.connection.hub.config.close_grace;
        let connection = self.connection.clone();
        let mut shared = connection.lock();
        match &self.wire {
            // Node keeps what is left, a close packet at least, for the next poll.
            Wire::Polling if ours && !shared.queue.is_empty() => {
                self.phase = Phase::Lingering(until);
            }
            Wire::Polling => {
                drop(shared);
                self.finish();
            }
            Wire::WebSocket { .. } => {
                connection.hub.links().remove(&connection.sid);
                if !self.closed {
                    // Without a status code, as Node closes.
                    let mut frame = Vec::new();
                    write_header(&mut frame, CLOSE, 0);
                    shared.queue.push_raw(&frame);
                }
                self.phase = Phase::Lingering(until);
            }
        }
    }

    fn finish(&mut self) {
        let hub = &self.connection.hub;
        hub.links().remove(&self.connection.sid);
        self.connection.lock().finish(hub.config.send_budget);
        self.phase = Phase::Done;
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

    /// Everything is sent, which may be what was waited for.
    fn lingered(&mut self) {
        let Phase::Lingering(until) = self.phase else { return };
        match &mut self.wire {
            Wire::Polling if self.connection.lock().queue.is_empty() => self.finish(),
            Wire::Polling => {}
            Wire::WebSocket { .. } => self.phase = Phase::Ending(until),
        }
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
            Ok(Read::Eof | Read::Closed) => {
                self.closed = true;
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

    /// The peer broke the WebSocket protocol: it is told by a Close frame.
    fn failed(&mut self, failure: Failure) {
        tracing::debug!(target: "socketio::ws", ?failure, "invalid WebSocket frame");
        let mut frame = Vec::new();
        write_header(&mut frame, CLOSE, 2);
        frame.extend_from_slice(&failure.code().to_be_bytes());
        self.closed = true;
        let mut shared = self.connection.lock();
        shared.queue.push_raw(&frame);
        shared.feed(&self.connection, Input::TransportFailed);
    }

    fn broken(&mut self, end: End) {
        let input = match end {
            End::Invalid => Input::Invalid,
            End::Violation => Input::Close(Reason::ForcedClose),
            // The session has closed itself.
            End::Closed => return,
        };
        self.connection.lock().feed(&self.connection, input);
    }

    /// The peer's end is waited for; what it still sends is of no interest.
    fn read_end(&mut self, cx: &mut Context<'_>) -> bool {
        let Wire::WebSocket { io, .. } = &mut self.wire else { return false };
        if let Poll::Ready(Err(_)) = Pin::new(&mut *io).poll_shutdown(cx) {
            self.finish();
            return true;
        }
        let mut buffer = [0; 4096];
        let mut free = tokio::io::ReadBuf::new(&mut buffer);
        match tokio::io::AsyncRead::poll_read(Pin::new(io), cx, &mut free) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) if !free.filled().is_empty() => true,
            Poll::Ready(_) => {
                self.finish();
                true
            }
        }
    }

    fn read_body(&mut self, cx: &mut Context<'_>) -> bool {
        let body = self.connection.lock().polling.as_mut().and_then(|polling| polling.body.take());
        let Some(Body { bytes, binary }) = body else { return false };
        let outcome = self.payload(cx, &bytes, binary);
        if let Err(end) = &outcome {
            self.broken(*end);
        }
        let mut shared = self.connection.lock();
        if let Some(polling) = &mut shared.polling {
            polling.outcome = Some(outcome.map_err(drop));
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
            if !inbound.packet(packet) {
                return match inbound.end {
                    // What was said before the close packet counts.
                    None | Some(End::Closed) => Ok(()),
                    Some(end) => Err(end),
                };
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

/// How a client's messages ended its session.
#[derive(Clone, Copy)]
enum End {
    Invalid,
    Violation,
    Closed,
}

/// Leads messages from the wire to the session and the dispatcher.
struct Inbound<'a, 'cx, 'w> {
    cx: &'cx mut Context<'w>,
    connection: &'a Arc<Connection>,
    dispatch: &'a mut Dispatch,
    decoder: &'a mut Decoder,
    end: Option<End>,
}

impl Inbound<'_, '_, '_> {
    /// `false` if nothing more is wanted.
    fn packet(&mut self, packet: Packet<'_>) -> bool {
        let result = match packet {
            Packet::Text { kind: engineio::Kind::Message, data } => self.text(data),
            Packet::Binary(data) => self.binary(&data),
            Packet::Text { kind, data } => {
                let mut shared = self.connection.lock();
                shared.feed(self.connection, Input::Packet { kind, data });
                if shared.session.is_closed() {
                    self.end = Some(End::Closed);
                    return false;
                }
                return true;
            }
        };
        if result.is_err() {
            self.end = Some(End::Violation);
            return false;
        }
        !self.dispatch.is_full()
    }

    fn text(&mut self, data: &str) -> Result<(), Violation> {
        tracing::trace!(target: "socketio::parser", bytes = data.len(), "text");
        let limits = self.connection.packet_limits();
        match self.decoder.text(data, &limits)? {
            Some(packet) => self.dispatch.packet(self.cx, &packet),
            None => Ok(()),
        }
    }

    fn binary(&mut self, data: &[u8]) -> Result<(), Violation> {
        tracing::trace!(target: "socketio::parser", bytes = data.len(), "binary");
        let limits = self.connection.packet_limits();
        if let Some(packet) = self.decoder.binary(data, &limits)? {
            self.dispatch.packet(self.cx, &packet)?;
            drop(packet);
            self.decoder.release();
        }
        Ok(())
    }
}

impl Receive for Inbound<'_, '_, '_> {
    fn message(&mut self, message: Message<'_>) -> bool {
        let version: Version = self.connection.protocol.version;
        let packet = match message {
            Message::Text(text) => engineio::decode_text(version, text),
            Message::Binary(bytes) => engineio::decode_binary(version, bytes),
        };
        match packet {
            Ok(packet) => self.packet(packet),
            Err(error) => {
                tracing::debug!(target: "socketio::engine", %error, "invalid packet");
                self.end = Some(End::Invalid);
                false
            }
        }
    }

    fn control(&mut self, frames: &[u8]) {
        let mut shared = self.connection.lock();
        // A peer that does not read gets no further pongs: only the latest ping needs an answer (RFC 6455 §5.5.3).
        if shared.queue.bytes() < CONTROL_LIMIT {
            shared.queue.push_raw(frames);
        }
    }
}

/// Above so much that waits, pongs are left out.
const CONTROL_LIMIT: usize = 16 * 1024;

impl Connection {
    fn limits(&self) -> engineio::Limits {
        let mut limits = engineio::Limits::default();
        limits.max_packets = self.hub.config.max_packets;
        limits
    }

    fn packet_limits(&self) -> socketio::Limits {
        let mut limits = socketio::Limits::default();
        limits.max_attachments = self.hub.config.max_attachments;
        limits.max_payload = self.hub.config.max_payload;
        limits
    }
}

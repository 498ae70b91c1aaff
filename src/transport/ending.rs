use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_socketio_proto::engineio::{Input, Reason};
use tower_socketio_proto::websocket::{CLOSE, write_header};

use super::driver::{Phase, Task, Wire};
use super::inbound::End;
use super::io::Io;
use super::probe::Probe;
use super::websocket::Failure;
use super::writer::Writer;

/// How a connection ends.
impl Task {
    /// The transport has failed.
    pub(super) fn fail(&mut self) {
        (self.closed, self.failed) = (true, true);
        let connection = self.connection.clone();
        let mut shared = connection.lock();
        shared.queue.clear(0);
        if matches!(self.phase, Phase::Lingering | Phase::Ending) {
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

    /// A probe that ends is told so, by a task of its own.
    pub(super) fn drop_probe(&self, probe: Probe) {
        let hub = &self.connection.hub();
        hub.spawn(probe.close(hub.config.close_grace));
    }

    /// The session is over: ends the sockets, and lets what waits be sent.
    pub(super) fn close(&mut self, reason: Reason) {
        self.close_sockets(reason, false);
    }

    /// The task is being dropped: ends the sockets, and begins no hook here.
    pub(super) fn drop_sockets(&mut self, reason: Reason) {
        self.close_sockets(reason, true);
    }

    fn close_sockets(&mut self, reason: Reason, dropped: bool) {
        if matches!(self.phase, Phase::Lingering | Phase::Ending | Phase::Done) {
            return;
        }
        let departures = self.connection.lock().end();
        self.dispatch.end(reason.into(), departures, dropped);
        if let Some(probe) = self.probe.take() {
            self.drop_probe(*probe);
        }
        self.write_deadline = None;
        let ours =
            matches!(reason, Reason::ForcedClose | Reason::ForcedServerClose | Reason::ServerShuttingDown);
        self.until = Some(self.within_grace());
        let connection = self.connection.clone();
        let mut shared = connection.lock();
        match &self.wire {
            // Node keeps what is left, a close packet at least, for the next poll.
            Wire::Polling if ours && !shared.queue.is_empty() => {
                self.phase = Phase::Lingering;
            }
            Wire::Polling => {
                drop(shared);
                self.finish();
            }
            Wire::WebSocket { .. } if self.failed => {
                drop(shared);
                self.finish();
            }
            Wire::WebSocket { .. } => {
                if !self.closed {
                    // Without a status code, as Node closes.
                    let mut frame = Vec::new();
                    write_header(&mut frame, CLOSE, 0);
                    shared.queue.push_raw(&frame);
                }
                self.phase = Phase::Lingering;
            }
        }
    }

    pub(super) fn finish(&mut self) {
        let hub = &self.connection.hub();
        hub.links().remove(&self.connection.sid);
        self.connection.lock().finish(hub.config.send_budget);
        self.phase = Phase::Done;
    }

    /// Everything is sent, which may be what was waited for.
    pub(super) fn lingered(&mut self) {
        let Phase::Lingering = self.phase else { return };
        match &mut self.wire {
            Wire::Polling if self.connection.lock().queue.is_empty() => self.finish(),
            Wire::Polling => {}
            // Nothing can come that would be answered by a reset: the end of the stream goes out behind what waits.
            Wire::WebSocket { io: Io::Tcp(_), .. } if self.heard_out => self.finish(),
            Wire::WebSocket { .. } => self.phase = Phase::Ending,
        }
    }

    /// The peer broke the WebSocket protocol: it is told by a Close frame.
    pub(super) fn failed(&mut self, failure: Failure) {
        tracing::debug!(target: "socketio::ws", ?failure, "invalid WebSocket frame");
        let mut frame = Vec::new();
        write_header(&mut frame, CLOSE, 2);
        frame.extend_from_slice(&failure.code().to_be_bytes());
        self.closed = true;
        let mut shared = self.connection.lock();
        shared.queue.push_raw(&frame);
        shared.feed(&self.connection, Input::TransportFailed);
    }

    pub(super) fn broken(&mut self, end: End) {
        let input = match end {
            End::Invalid => Input::Invalid,
            End::Violation => Input::Close(Reason::ForcedClose),
            // The session has closed itself.
            End::Closed => return,
        };
        self.connection.lock().feed(&self.connection, input);
    }

    /// The peer's end is waited for; what it still sends is of no interest.
    pub(super) fn read_end(&mut self, cx: &mut Context<'_>) -> bool {
        let Wire::WebSocket { io, .. } = &mut self.wire else { return false };
        if let Poll::Ready(Err(_)) = Pin::new(&mut *io).poll_shutdown(cx) {
            self.finish();
            return true;
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut free = ReadBuf::uninit(&mut buffer);
        match AsyncRead::poll_read(Pin::new(io), cx, &mut free) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) if !free.filled().is_empty() => true,
            Poll::Ready(_) => {
                self.finish();
                true
            }
        }
    }
}

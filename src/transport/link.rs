use std::task::{Context, Poll};

use tower_socketio_adapter::{Flags, Outgoing};
use tower_socketio_proto::engineio::{self, Input, Reason};
use tower_socketio_proto::socketio::Kind;

use super::connection::{Connection, Shared};
use super::queue::{LARGE, Room};
use crate::hub::{
    Departure, EmitError, Extensions, Handshake, Link, LinkFacts, Outbound, Protocol, SocketIo, Transport,
    form_of, frames, write_frames,
};

/// What a connection is to its sockets.
impl Link for Connection {
    fn sid(&self) -> &str {
        &self.sid
    }

    fn io(&self) -> &SocketIo {
        &self.io
    }

    fn protocol(&self) -> Protocol {
        self.protocol
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
            dropped: shared.pressure.as_ref().map_or(0, |pressure| pressure.dropped),
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
        // A large attachment stands by itself, and is not copied.
        let is_copied = packet.attachments.iter().all(|bytes| bytes.len() < LARGE);
        if !shared.queue.is_apart() && is_copied && self.hub().config.parser.is_json() {
            gave_way = self.admit_packet(&mut shared, packet, estimate, flags)?;
            shared.queue.write(|out| write_frames(packet, self.protocol, &self.hub().config.parser, out));
        } else {
            drop(shared);
            let frames = frames(packet, self.protocol, &self.hub().config.parser);
            shared = self.lock();
            gave_way = self.admit_packet(&mut shared, packet, estimate, flags)?;
            shared.queue.push(&frames, packet.kind == Kind::Event && packet.id.is_none());
        }
        tracing::debug!(target: "socketio::parser", kind = ?packet.kind, namespace = packet.namespace,
            id = packet.id, "sent");
        shared.wake_for_queue(self.hub().config.send_budget);
        Ok(gave_way)
    }

    fn send_shared(&self, packet: &Outgoing, flags: Flags) -> Result<u64, EmitError> {
        // Encoded outside of the lock, by whoever needs this form first.
        let frames = packet.form(form_of(self.protocol.version));
        let mut shared = self.lock();
        let gave_way = self.admit(&mut shared, frames.size(), flags)?;
        shared.queue.push(frames, packet.ack().is_none());
        shared.wake_for_queue(self.hub().config.send_budget);
        Ok(gave_way)
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut shared = self.lock();
        if shared.session.is_closed() {
            return Poll::Ready(false);
        }
        if shared.queue.bytes() < self.hub().config.send_budget / 2 {
            return Poll::Ready(true);
        }
        let ready = &mut shared.pressure.get_or_insert_default().ready;
        if !ready.iter().any(|waker| waker.will_wake(cx.waker())) {
            ready.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn depart(&self, departure: Departure) -> Result<(), Departure> {
        let mut shared = self.lock();
        if shared.ended {
            return Err(departure);
        }
        shared.notices().departures.push(departure);
        shared.wake(self.hub().config.send_budget);
        Ok(())
    }

    fn ring(&self) {
        let mut shared = self.lock();
        shared.rung = true;
        shared.wake(self.hub().config.send_budget);
    }

    fn close(&self, reason: Reason) {
        let mut shared = self.lock();
        shared.closing(reason);
        shared.wake(self.hub().config.send_budget);
    }

    fn abandon(&self) {
        self.feed(Input::TransportClosed);
    }
}

impl Connection {
    /// Whether a packet may be queued, and how many others gave way to it.
    fn admit(&self, shared: &mut Shared, size: usize, flags: Flags) -> Result<u64, EmitError> {
        if shared.session.is_closed() || shared.has_overflowed() {
            return Err(EmitError::Closed);
        }
        if flags.volatile && !shared.is_writable() {
            return Err(EmitError::Dropped);
        }
        let config = &self.hub().config;
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
                shared.notices().overflowed = true;
                shared.wake(config.send_budget);
                Err(EmitError::Full)
            }
        }
    }

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

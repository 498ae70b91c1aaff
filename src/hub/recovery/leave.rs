use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::time::Instant;
use tower_socketio_adapter::{Flags, Target};
use tower_socketio_proto::socketio::Kind;

use super::accept::cannot_clone;
use super::keep::let_go;
use super::session::Session;
use super::{Log, Logged, Trail};
use crate::hub::socket::{ACCEPTED, CLOSED, Held};
use crate::hub::{Departure, DisconnectReason, EmitError, Lease, Socket, new_id};

impl DisconnectReason {
    /// Whether its client may come back as if nothing had been. When the server ends, so does what it keeps in memory, but
    /// not what all nodes have.
    fn is_recoverable(self, is_shared: bool) -> bool {
        match self {
            Self::TransportError
            | Self::TransportClose
            | Self::ForcedClose
            | Self::PingTimeout
            | Self::ForcedServerClose => true,
            Self::ServerShuttingDown => is_shared,
            Self::ParseError | Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect => false,
        }
    }
}

/// How a client goes away.
impl Socket {
    /// Its pid, by which its client can come back.
    pub(in crate::hub) fn pid(&self) -> Option<String> {
        let trail = self.0.trail.as_ref()?;
        let id = if trail.is_bare { "" } else { self.id() };
        Some([id, &*trail.secret].concat())
    }

    /// Ends the socket as [`end`](Self::end) does, and keeps what its client needs to come back, if it may.
    pub(crate) fn end_by(&self, reason: DisconnectReason, lease: &Lease) -> bool {
        self.end_for(reason, lease, self.0.space.is_shared())
    }

    /// The same; `for_all` says whether the client may come back to any node.
    fn end_for(&self, reason: DisconnectReason, lease: &Lease, for_all: bool) -> bool {
        let (Some(trail), Some(log)) = (&self.0.trail, self.0.space.log()) else { return self.end() };
        let is_draining = || self.io().hub().is_draining() && !for_all;
        if !reason.is_recoverable(for_all) || is_draining() || self.has_ended() {
            return self.end();
        }
        // To clone is the user's code, which is not for under the lock.
        let copy = catch_unwind(AssertUnwindSafe(|| self.extensions().copy(true)));
        let Ok(extensions) = copy.inspect_err(|_| cannot_clone()) else { return self.end() };
        let packets = log.lock();
        let Some(left) = self.stop() else { return false };
        self.leave_rooms();
        let mut gone = Vec::new();
        if self.was_accepted() {
            let (mut rooms, user) = {
                let state = self.state();
                (state.rooms().to_vec(), state.user.clone())
            };
            rooms.retain(|room| *room != *self.id());
            rooms.shrink_to_fit();
            let session = Arc::new(Session {
                id: self.0.id.clone(),
                trail: trail.clone(),
                size: Session::size_of(&rooms, &extensions),
                rooms,
                user,
                extensions,
                left: packets.head(),
                at: Instant::now(),
                lease: lease.again(),
                is_foreign: false,
                stamp: new_id(),
                is_ours: AtomicBool::new(!for_all),
            });
            if for_all {
                session.store();
            }
            gone = log.keep().save(session);
        }
        drop(packets);
        let_go(gone);
        self.clean_up(left);
        if is_draining() {
            // It began meanwhile, and may have forgotten before this was there to be forgotten.
            log.keep().clear();
        }
        log.keep().balance();
        log.keep().watch();
        true
    }

    /// The client has shown that it has another connection: this one is dead.
    pub(super) fn take_over(&self, lease: Lease) {
        tracing::debug!(target: "socketio::socket", socket = self.tag(), "its client is back by another connection");
        let reason = DisconnectReason::TransportClose;
        if self.end_for(reason, &lease, false)
            && let Err(departure) = self.0.link.depart(Departure { socket: self.clone(), reason })
        {
            self.io().hub().spawn_awaited(departure.socket.hooks_later(departure.reason));
        }
        self.0.link.abandon();
    }

    /// Whether its departure is to be counted: not if its client is back already.
    pub(crate) fn departs(&self) -> bool {
        self.0.trail.as_ref().is_none_or(|trail| trail.depart())
    }

    /// Whether its client is away and may come back.
    pub(in crate::hub) fn is_away(&self) -> bool {
        self.0.trail.as_ref().is_some_and(|trail| trail.is_away())
    }

    /// Queues an event behind all that the client is to get before it; one for a client that is away is kept for it.
    pub(in crate::hub) fn deliver_logged(
        &self,
        trail: &Trail,
        json: &[u8],
        attachments: &[Bytes],
        flags: Flags,
    ) -> Result<(), EmitError> {
        let log = self.0.space.log().expect("sockets have trails where there is a log");
        if log.is_shared() {
            return self.deliver_shared(trail, log, json, attachments, flags);
        }
        let logged = (!flags.volatile).then(|| Logged::for_one(self.0.id.clone(), json, attachments));
        let mut packets = log.lock();
        let has_ended = self.0.phase.load(Ordering::Acquire) == CLOSED;
        if has_ended && (flags.volatile || !trail.is_away()) {
            return Err(EmitError::Closed);
        }
        if let Some(logged) = logged {
            let place = log.append(&mut packets, logged, None);
            if !has_ended {
                trail.note(place);
            }
        }
        let sent = if has_ended {
            Err(EmitError::Closed)
        } else {
            let offset = log.text(packets.head());
            let mut packet = self.outbound(Kind::Event, None, Some(json), attachments);
            packet.offset = Some(&offset);
            self.0.link.send(&packet, flags)
        };
        drop(packets);
        log.keep().balance();
        log.keep().watch();
        self.0.told(sent)
    }

    /// Has an event delivered when it has its place in the log of all nodes.
    fn deliver_shared(
        &self,
        trail: &Trail,
        log: &Log,
        json: &[u8],
        attachments: &[Bytes],
        flags: Flags,
    ) -> Result<(), EmitError> {
        if self.0.phase.load(Ordering::Acquire) == ACCEPTED {
            // It is in its own room as soon as the log is free.
            drop(log.lock());
        }
        let has_ended = self.has_ended();
        if has_ended && (flags.volatile || !trail.is_away()) {
            return Err(EmitError::Closed);
        }
        let mut to = Target::to(self.id());
        to.flags = flags;
        self.0.space.broadcast(json, attachments.to_vec(), &to);
        if has_ended { Err(EmitError::Closed) } else { Ok(()) }
    }

    /// Sends what has no place of its own behind what was emitted before.
    pub(in crate::hub) fn send_in_turn(&self, held: Held) {
        self.in_turn(move |socket| socket.send_held(&held, None));
    }

    /// Does something behind what was emitted before.
    pub(in crate::hub) fn in_turn(&self, then: impl FnOnce(&Self) + Send + 'static) {
        if !self.0.space.is_shared() {
            return then(self);
        }
        let socket = self.clone();
        self.0.space.adapter().in_turn(Box::new(move || then(&socket)));
    }

    /// Takes the socket out of its rooms, and remembers them.
    pub(in crate::hub) fn leave_rooms(&self) {
        if let Some(handle) = self.0.handle.get() {
            let adapter = self.0.space.adapter();
            let rooms = adapter.rooms(*handle);
            adapter.remove(*handle);
            self.state().aside().rooms = rooms;
        }
    }
}

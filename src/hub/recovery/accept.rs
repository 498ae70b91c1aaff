use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tower_socketio_adapter::{Flags, Offset, Room};
use tower_socketio_proto::socketio::{Arguments, Kind};

use super::log::{Addressee, Packets};
use super::pass::{Claim, Pass};
use super::session::{Back, Returning, Session, Trail};
use super::{Log, Logged};
use crate::hub::member::from_member;
use crate::hub::socket::Held;
use crate::hub::{Lease, Link, Socket};

/// What became of a client that its namespace takes in.
pub(crate) enum Acceptance {
    In,
    /// The server has ended it meanwhile, or its connection is over.
    Over,
    /// What it comes back to is not there any more, or not for it: it is to enter as if it had not been here.
    Void,
}

/// What a client that comes back gets.
struct Plan {
    session: Arc<Session>,
    missed: Vec<(Offset, Logged)>,
    /// The place of the last packet that it has got.
    offset: Offset,
    /// The place up to which there is nothing for it but what it has missed.
    from: Offset,
    /// Rooms that it is in again, and that its hooks do not know.
    rooms: Vec<Room>,
}

enum Planned {
    Back(Plan),
    /// It is here, on a connection that is dead, whatever the server knows of that.
    Here(Socket),
    Void,
}

/// How a client comes back.
impl Socket {
    /// The socket of a client that was here, if what it comes back to is there.
    pub(crate) fn returning(
        link: Arc<dyn Link>,
        lease: &Lease,
        pass: Pass,
        auth: Option<Arguments>,
    ) -> Option<Self> {
        let log = lease.space().log()?;
        let session = loop {
            match find(lease, log, &pass)? {
                Ok(session) => break session,
                // Of two sockets of one client the connection that is used by now is the right one.
                Err(here) if Arc::ptr_eq(here.link(), &link) => return None,
                Err(here) => here.take_over(lease.again()),
            }
        };
        place(log, &log.lock(), &session, pass.claim)?;
        let skips = log.keep().skips_middleware();
        // To clone is the user's code.
        let copy = catch_unwind(AssertUnwindSafe(|| session.extensions.copy(skips)));
        let extensions = copy.inspect_err(|_| cannot_clone()).ok()?;
        let is_given = |room: &&Room| skips || room.is_plain();
        let rooms = session.rooms.iter().filter(is_given).cloned().collect();
        let user = session.user.clone().filter(|_| skips);
        let (id, space) = (session.id.clone(), lease.space().clone());
        let trail = Trail::returning(Returning { session, pass, auth, lease: lease.again() });
        let socket = Self::with(id, link, space, Some(trail), extensions);
        {
            let mut state = socket.state();
            (state.aside().rooms, state.user) = (rooms, user);
        }
        Some(socket)
    }

    /// Whether its client was here before, and has lost nothing but its connection: its id, rooms, extensions and the
    /// packets that it missed are here again, by [`Builder::recovery`](crate::Builder::recovery).
    ///
    /// In connect layers and in `on_connect` it says that the client asks for that and can have it, and the extensions
    /// are those of whoever it says that it was; whether it is the same user is not known before they have ended. There is
    /// no doubt from `on_connected` on.
    pub fn recovered(&self) -> bool {
        self.0.trail.as_ref().is_some_and(|trail| !matches!(*trail.back(), Back::No))
    }

    /// How long a client was away that is back, and whether its departure was counted.
    pub(crate) fn came_back(&self) -> Option<(Duration, bool)> {
        match *self.0.trail.as_ref()?.back() {
            Back::Came { away, counted } => Some((away, counted)),
            Back::No | Back::Coming(_) => None,
        }
    }

    /// Whether it is to enter without asking anybody.
    pub(crate) fn skips_middleware(&self) -> bool {
        self.0.trail.as_ref().is_some_and(|trail| trail.coming().is_some())
            && self.0.space.log().is_some_and(|log| log.keep().skips_middleware())
    }

    /// The place that its client has from another log, if it has one.
    pub(crate) fn stale(&self) -> Option<Offset> {
        self.0.trail.as_ref()?.stale
    }

    /// Gives up coming back: what the client gave as `auth` when it asked for it.
    pub(crate) fn give_up(&self) -> Option<Arguments> {
        let returning = self.0.trail.as_ref()?.coming()?;
        if self.was_greeted() {
            // It was told that it is back, and would say so again.
            returning.lease.space().log()?.keep().forget(&returning.session);
        }
        returning.auth.clone()
    }

    /// Takes the client in: it gets the CONNECT reply, what it has missed, and what the hooks emitted, in this order and
    /// before everything else.
    pub(crate) fn accept(&self) -> Acceptance {
        let (Some(trail), Some(log)) = (&self.0.trail, self.0.space.log()) else {
            let send_all = |held: Vec<Held>| held.iter().for_each(|held| self.send_held(held, None));
            if !self.tell_accepted(send_all) {
                return Acceptance::Over;
            }
            self.forget_early();
            self.enter_rooms();
            return Acceptance::In;
        };
        loop {
            let returning = trail.coming();
            let mut packets = log.lock();
            let plan = match &returning {
                None => None,
                Some(returning) => match self.plan(log, &packets, returning) {
                    Planned::Back(plan) => Some(plan),
                    Planned::Here(here) => {
                        drop(packets);
                        here.take_over(returning.lease.again());
                        continue;
                    }
                    Planned::Void => return Acceptance::Void,
                },
            };
            let mut late = Vec::new();
            let is_in = self.accept_logged(log, &mut packets, trail, plan.as_ref(), &mut late);
            drop(packets);
            for Held { id, json, attachments, flags, .. } in late {
                let _ = self.deliver_event(&json, attachments, id, flags);
            }
            self.forget_early();
            log.keep().serve();
            log.keep().balance();
            log.keep().watch();
            return if is_in { Acceptance::In } else { Acceptance::Over };
        }
    }

    /// `late` gets what is to be emitted as soon as the log is free.
    fn accept_logged(
        &self,
        log: &Log,
        packets: &mut Packets,
        trail: &Trail,
        plan: Option<&Plan>,
        late: &mut Vec<Held>,
    ) -> bool {
        let is_told = self.tell_accepted(|held| {
            trail.floor.set(plan.map_or(packets.head(), |plan| plan.from));
            trail.note(plan.map_or(packets.head(), |plan| plan.offset));
            for (place, missed) in plan.map(|plan| &plan.missed).into_iter().flatten() {
                trail.note(*place);
                let offset = log.text(*place);
                let mut packet = self.outbound(Kind::Event, None, Some(&missed.args), &missed.attachments);
                packet.offset = Some(&offset);
                let _ = self.0.link.send(&packet, Flags::default());
            }
            for held in held {
                let is_event = held.kind == Kind::Event && held.id.is_none();
                if is_event && log.is_shared() {
                    late.push(held);
                    continue;
                }
                if is_event && !held.flags.volatile {
                    let logged = Logged::for_one(self.0.id.clone(), &held.json, &held.attachments);
                    trail.note(log.append(packets, logged, None));
                }
                let offset = is_event.then(|| log.text(packets.head()));
                self.send_held(&held, offset.as_deref());
            }
        });
        if !is_told {
            return false;
        }
        if let Some(Plan { session, rooms, .. }) = plan {
            log.keep().forget(session);
            self.state().aside().rooms.extend(rooms.iter().cloned());
            let (away, counted) = (session.at.elapsed(), session.trail.recover());
            *trail.back() = Back::Came { away, counted };
        }
        self.enter_rooms();
        true
    }

    pub(super) fn send_held(&self, held: &Held, offset: Option<&str>) {
        let mut packet = self.outbound(held.kind, held.id, Some(&held.json), &held.attachments);
        packet.offset = offset;
        let _ = self.0.link.send(&packet, held.flags);
    }

    fn plan(&self, log: &Log, packets: &Packets, returning: &Returning) -> Planned {
        let session = match locked(&returning.lease, log, &returning.pass) {
            Some(Ok(session)) => session,
            Some(Err(here)) => return Planned::Here(here),
            None => return Planned::Void,
        };
        let (joined, user) = {
            let state = self.state();
            (state.rooms().iter().cloned().collect::<HashSet<_>>(), state.user.clone())
        };
        let Some((offset, from)) = place(log, packets, &session, returning.pass.claim) else {
            return Planned::Void;
        };
        let claims = self.extensions().claims();
        // Claims of one type may be anybody's: where they were given anew, only the user says whose they are.
        let is_nameless = user.is_none() && !claims.is_empty() && !log.keep().skips_middleware();
        let is_same = session.is_foreign || claims == session.extensions.claims();
        if user != session.user || !is_same || is_nameless {
            return Planned::Void;
        }
        // Whoever made it leave a room again meant what was sent there, too.
        let left: HashSet<_> = returning.session.rooms.iter().filter(|room| !joined.contains(room)).collect();
        let who = Addressee {
            id: &session.id,
            rooms: session.rooms.iter().filter(|room| !left.contains(room)).collect(),
            all: session.rooms.iter().collect(),
        };
        // Between the last packet that was for it and its end none was.
        let sent = session.trail.sent.get();
        let missed = packets.after(from).filter(|(place, _)| *place <= sent || *place > session.left);
        let missed = missed.filter(|(_, packet)| packet.is_for(&who));
        let missed: Vec<_> = missed.map(|(place, packet)| (place, packet.clone())).collect();
        let size = missed.iter().map(|(_, packet)| packet.wire_len()).sum::<usize>();
        let link = self.link();
        if link.facts().waiting.saturating_add(size) > self.io().hub().config.send_budget {
            tracing::debug!(target: "socketio::namespace", socket = self.tag(), "what it missed is more than `send_budget`");
            return Planned::Void;
        }
        let skips = log.keep().skips_middleware();
        let is_new = |room: &&&Room| !joined.contains(**room) && (skips || room.is_plain());
        let rooms = who.rooms.iter().filter(is_new).map(|room| (*room).clone()).collect();
        Planned::Back(Plan { session, missed, offset, from, rooms })
    }
}

/// The session of a client, or its socket if it is still here.
fn find(lease: &Lease, log: &Log, pass: &Pass) -> Option<Result<Arc<Session>, Socket>> {
    // Locked, as a socket that ends is for a moment neither here nor away.
    let _packets = log.lock();
    locked(lease, log, pass)
}

fn locked(lease: &Lease, log: &Log, pass: &Pass) -> Option<Result<Arc<Session>, Socket>> {
    let space = lease.space();
    if let Some(session) = log.keep().session(pass.key()) {
        let is_its = Arc::ptr_eq(session.lease.space(), space) && session.trail.has_secret(pass.secret());
        return (is_its && session.is_ours.load(Ordering::Acquire)).then_some(Ok(session));
    }
    let here = from_member(space.adapter().find(pass.id()?)?)?;
    here.0.trail.as_ref()?.has_secret(pass.secret()).then_some(Err(here))
}

/// The place of the last packet that the client has got, and the one behind which all that matters to it must be there;
/// `None` if that is gone.
fn place(log: &Log, packets: &Packets, session: &Session, claim: Claim) -> Option<(Offset, Offset)> {
    let floor = session.trail.floor.get();
    let claimed = match claim {
        Claim::Absent => None,
        Claim::Number(number) if !log.is_shared() => Some(Offset::new(number, 0)),
        Claim::Place(place) if log.is_shared() => Some(place),
        Claim::Number(_) | Claim::Place(_) | Claim::Foreign => return None,
    };
    let offset = match claimed {
        None => floor,
        // It may be what the client had when it entered, from before a restart or from another node. If it may as well be
        // a number that it got here, nobody knows which packets it has.
        Some(place) if session.trail.stale == Some(place) && !log.is_shared() => {
            if floor < place && place <= session.left {
                return None;
            }
            floor
        }
        Some(place) if place <= session.left => place.max(floor),
        Some(_) => return None,
    };
    let sent = session.trail.sent.get();
    let from = if offset >= sent { session.left.max(offset) } else { offset };
    (packets.gone() <= from).then_some((offset, from))
}

pub(super) fn cannot_clone() {
    tracing::error!(target: "socketio::namespace", "extensions cannot be cloned: a connection is not recovered");
}

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tower_socketio_adapter::{Offset, Room, Target};

use super::Keep;
use super::aside::Locked;
use crate::hub::Name;

/// The packets of a namespace that clients may have missed, each by its place.
///
/// Whoever emits holds the lock from the place until the packet is in the last queue: so each client gets packets in
/// the order of their places, and its last one says all that it has got. Before a socket's own lock and the
/// adapter's comes this one. Of the user's code only an adapter, a parser and a subscriber of `tracing` run under it.
///
/// Places are numbers of the log's own, or, where the nodes' carrier keeps messages, the offsets that it gives: then
/// every node has the same log, and a client comes back to any of them.
pub(in crate::hub) struct Log {
    keep: Arc<Keep>,
    packets: Mutex<Packets>,
    is_shared: bool,
}

#[derive(Default)]
pub(in crate::hub) struct Packets {
    /// The latest ones, without a gap.
    kept: VecDeque<Logged>,
    /// The place of the last one.
    head: Offset,
    /// The place of the last one that is gone.
    gone: Offset,
}

/// A packet that is kept; a clone shares its bytes.
#[derive(Clone)]
pub(in crate::hub) struct Logged {
    pub(super) args: Bytes,
    pub(super) attachments: Box<[Bytes]>,
    to: To,
    at: Instant,
    place: Offset,
}

#[derive(Clone)]
enum To {
    One(Name),
    All,
    /// Who is in one of the first rooms, if there are some, and in none of the second.
    Rooms(Box<(Vec<Room>, Vec<Room>)>),
}

/// Who a socket was when it left, as far as packets are concerned.
pub(super) struct Addressee<'a> {
    pub(super) id: &'a str,
    /// The rooms that packets to it may have been for.
    pub(super) rooms: HashSet<&'a Room>,
    /// The rooms by which it may have been left out.
    pub(super) all: HashSet<&'a Room>,
}

impl Logged {
    pub(in crate::hub) fn new(args: Bytes, attachments: &[Bytes], to: &Target) -> Self {
        let to = if to.rooms.is_empty() && to.except.is_empty() {
            To::All
        } else {
            To::Rooms(Box::new((to.rooms.clone(), to.except.clone())))
        };
        Self { args, attachments: attachments.into(), to, at: Instant::now(), place: Offset::ZERO }
    }

    pub(in crate::hub) fn for_one(id: Name, args: &[u8], attachments: &[Bytes]) -> Self {
        let args = Bytes::copy_from_slice(args);
        let (to, place) = (To::One(id), Offset::ZERO);
        Self { args, attachments: attachments.into(), to, at: Instant::now(), place }
    }

    /// What it takes of the memory, nearly.
    fn size(&self) -> usize {
        let attachments = self.attachments.iter().map(|bytes| bytes.len() + size_of::<Bytes>());
        let rooms = match &self.to {
            To::One(_) | To::All => 0,
            To::Rooms(rooms) => rooms.0.iter().chain(&rooms.1).map(|room| 64 + room.name().len()).sum(),
        };
        // The queue may be half empty, and shared bytes are counted.
        2 * size_of::<Self>() + 32 + self.args.len() + attachments.sum::<usize>() + rooms
    }

    /// What it takes of a connection's budget, nearly.
    pub(super) fn wire_len(&self) -> usize {
        let attachments = self.attachments.iter().map(|bytes| bytes.len() + 16);
        64 + self.args.len() + attachments.sum::<usize>()
    }

    pub(super) fn is_for(&self, who: &Addressee<'_>) -> bool {
        match &self.to {
            To::One(id) => **id == *who.id,
            To::All => true,
            To::Rooms(rooms) => {
                let (to, except) = &**rooms;
                (to.is_empty() || to.iter().any(|room| *room == *who.id || who.rooms.contains(room)))
                    && !except.iter().any(|room| *room == *who.id || who.all.contains(room))
            }
        }
    }
}

impl Log {
    pub(in crate::hub) fn new(keep: &Arc<Keep>, is_shared: bool) -> Arc<Self> {
        let log = Arc::new(Self { keep: keep.clone(), packets: Mutex::default(), is_shared });
        keep.add(&log);
        log
    }

    pub(in crate::hub) fn keep(&self) -> &Arc<Keep> {
        &self.keep
    }

    pub(in crate::hub) fn lock(&self) -> Locked<'_> {
        Locked::new(self.packets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether all nodes have this log.
    pub(in crate::hub) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// A place as clients know it.
    pub(in crate::hub) fn text(&self, place: Offset) -> String {
        if self.is_shared { place.to_string() } else { place.major().to_string() }
    }

    /// Every packet behind this place has come or will come, and of those before it some may be missing.
    pub(in crate::hub) fn begin(&self, place: Offset) {
        let mut packets = self.lock();
        if place > packets.head {
            while !packets.kept.is_empty() {
                self.forget_first(&mut packets);
            }
            (packets.head, packets.gone) = (place, place);
        }
    }

    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.packets.try_lock().is_ok()
    }

    /// Adds a packet and gives its place: the next one, or the one that it has, unless it is here already.
    pub(in crate::hub) fn append(
        &self,
        packets: &mut Packets,
        mut logged: Logged,
        place: Option<Offset>,
    ) -> Offset {
        logged.place = place.unwrap_or(Offset::new(packets.head.major() + 1, 0));
        if logged.place <= packets.head {
            return packets.head;
        }
        let (oldest, most) = (logged.at.checked_sub(self.keep.age()), self.keep.options().max_packets);
        self.keep.grown(logged.size());
        packets.head = logged.place;
        packets.kept.push_back(logged);
        while packets.kept.len() > most {
            self.forget_first(packets);
        }
        if let Some(oldest) = oldest {
            self.forget_older(packets, oldest);
        }
        packets.head
    }

    /// Whether a packet of this place belongs behind the last one, or is here. If not, places have begun anew, as after the
    /// loss of all that a carrier kept: nobody comes back from before they are as far again.
    pub(in crate::hub) fn continues(&self, packets: &mut Packets, place: Offset) -> bool {
        let is_here = || packets.kept.binary_search_by_key(&place, |logged| logged.place).is_ok();
        let continues = place > packets.head || is_here();
        if !continues {
            packets.gone = packets.head.next();
        }
        continues
    }

    fn forget_first(&self, packets: &mut Packets) {
        if let Some(first) = packets.kept.pop_front() {
            packets.gone = first.place;
            self.keep.shrunk(first.size());
        }
    }

    fn forget_older(&self, packets: &mut Packets, than: Instant) {
        while packets.kept.front().is_some_and(|first| first.at <= than) {
            self.forget_first(packets);
        }
        // The memory of a burst is given back.
        if packets.kept.capacity() > 64 && packets.kept.len() < packets.kept.capacity() / 8 {
            let kept = packets.kept.len() * 2;
            packets.kept.shrink_to(kept);
        }
    }

    /// Forgets what is too old; says when the oldest packet that is left will be.
    pub(super) fn sweep(&self, now: Instant, age: Duration) -> Option<Instant> {
        let mut packets = self.lock();
        if let Some(oldest) = now.checked_sub(age) {
            self.forget_older(&mut packets, oldest);
        }
        packets.kept.front().map(|first| first.at + age)
    }

    /// When the oldest packet came.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lock().kept.front().map(|first| first.at)
    }

    /// Forgets the oldest packet and others that came no later than `until`, while there is too much; says when the oldest
    /// came that is left.
    pub(super) fn yield_memory(
        &self,
        until: Option<Instant>,
        is_too_much: impl Fn() -> bool,
    ) -> Option<Instant> {
        let mut packets = self.lock();
        loop {
            self.forget_first(&mut packets);
            let next = packets.kept.front()?.at;
            if !is_too_much() || until.is_some_and(|until| next > until) {
                return Some(next);
            }
        }
    }
}

impl Packets {
    /// The place of the latest packet.
    pub(in crate::hub) fn head(&self) -> Offset {
        self.head
    }

    /// The place of the last packet that is gone.
    pub(super) fn gone(&self) -> Offset {
        self.gone
    }

    /// Every packet behind this place, which must not be gone.
    pub(super) fn after(&self, place: Offset) -> impl Iterator<Item = (Offset, &Logged)> {
        let first = self.kept.partition_point(|logged| logged.place <= place);
        self.kept.range(first..).map(|logged| (logged.place, logged))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let packets = self.packets.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.keep.shrunk(packets.kept.iter().map(Logged::size).sum());
    }
}

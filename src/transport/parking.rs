use std::task::{Context, Poll};

use tower_socketio_proto::socketio::Arguments;

use super::dispatch::{Dispatch, State};
use super::seldom::Queue;

/// What an event costs while it waits, beyond its bytes.
const OVERHEAD: usize = 128;

/// What waits for its turn in a namespace.
pub(super) enum Parked {
    Event(Arguments, Option<u64>),
    Leave,
    /// The client left, and comes again.
    Enter(Option<Arguments>),
}

impl Parked {
    /// What it counts for in the receive budget.
    fn cost(&self) -> usize {
        let arguments = match self {
            Self::Event(arguments, _) | Self::Enter(Some(arguments)) => arguments.wire_len(),
            Self::Leave | Self::Enter(None) => 0,
        };
        OVERHEAD + arguments
    }
}

/// What cannot start yet waits on its socket, in order.
impl Dispatch {
    pub(super) fn park(&mut self, at: usize, parked: Parked) {
        self.parked += 1;
        self.parked_bytes += parked.cost();
        let entry = &mut self.entries[at];
        match parked {
            Parked::Leave => entry.leaving = true,
            Parked::Enter(_) => entry.leaving = false,
            Parked::Event(..) => {}
        }
        entry.parked.push_back(parked);
    }

    fn unpark(&mut self, at: usize) -> Option<Parked> {
        let parked = self.entries[at].parked.pop_front()?;
        self.parked -= 1;
        self.parked_bytes -= parked.cost();
        Some(parked)
    }

    /// Starts parked events for which there is a place.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while self.parked > 0 && at < self.entries.len() {
            let entry = &mut self.entries[at];
            let entered = matches!(entry.state, State::Entered(..));
            if entered && matches!(entry.parked.front(), Some(Parked::Leave)) {
                self.leave_and_enter(cx, at);
                at = 0;
                continue;
            }
            // Without an event in hand a stack is not asked: what it reserved would be kept from others.
            if self.entries[at].parked.is_empty() || !self.has_place(&self.entries[at]) {
                at += 1;
                continue;
            }
            let Poll::Ready(stack) = self.entries[at].poll_ready(cx) else {
                at += 1;
                continue;
            };
            match self.unpark(at) {
                Some(Parked::Event(arguments, id)) => self.start_event(cx, at, arguments, id, stack),
                // A `Leave` is taken above, and an `Enter` with the `Leave` in front of it.
                _ => {
                    self.entries[at].parked = Queue::default();
                    at += 1;
                }
            }
        }
    }

    /// The client's DISCONNECT has its turn; if a CONNECT followed, what waits behind that is for the new socket.
    fn leave_and_enter(&mut self, cx: &mut Context<'_>, at: usize) {
        self.unpark(at);
        let entering = match self.entries[at].parked.front() {
            Some(Parked::Enter(_)) => self.unpark(at),
            _ => None,
        };
        // They go on waiting, and count: a client that leaves and comes again a thousand times moves them as often.
        let entry = &mut self.entries[at];
        let (behind, leaving) = (std::mem::take(&mut entry.parked), entry.leaving);
        let name = Box::<str>::from(entry.name());
        self.left(cx, at);
        if let Some(Parked::Enter(auth)) = entering
            && self.connect(cx, &name, auth).is_ok()
            && let Some(at) = self.find(&name)
        {
            (self.entries[at].parked, self.entries[at].leaving) = (behind, leaving);
        } else {
            self.uncount(&behind);
        }
    }

    pub(super) fn uncount(&mut self, parked: &Queue<Parked>) {
        self.parked -= u32::try_from(parked.len()).expect("they were counted");
        self.parked_bytes -= parked.iter().map(Parked::cost).sum::<usize>();
    }
}

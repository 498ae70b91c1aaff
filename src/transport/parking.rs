use tower_socketio_proto::socketio::Arguments;

use super::dispatch::Dispatch;

/// What an event costs while it waits, beyond its bytes.
const OVERHEAD: usize = 128;

/// What has to wait for its turn in a namespace.
pub(super) enum Parked {
    Event(Arguments, Option<u64>),
    Leave,
    /// The client left, and comes again.
    Enter(Option<Arguments>),
}

impl Parked {
    /// What it counts for in the receive budget.
    pub(super) fn cost(&self) -> usize {
        let arguments = match self {
            Self::Event(arguments, _) | Self::Enter(Some(arguments)) => arguments.wire_len(),
            Self::Leave | Self::Enter(None) => 0,
        };
        OVERHEAD + arguments
    }
}

/// What waits, counted against the receive budget.
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

    pub(super) fn unpark(&mut self, at: usize) -> Option<Parked> {
        let parked = self.entries[at].parked.pop_front()?;
        self.parked -= 1;
        self.parked_bytes -= parked.cost();
        Some(parked)
    }
}

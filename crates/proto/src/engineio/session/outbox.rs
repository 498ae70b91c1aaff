//! What a session has to say until the caller takes it: a set, so it cannot grow.

use super::io::{Event, Reason, Refusal, Transmit};

#[derive(Debug, Default)]
pub(super) struct Outbox {
    transmits: u8,
    changes: u8,
    refusal: Option<Refusal>,
    closed: Option<Reason>,
}

const UPGRADED: u8 = 1;
const PROBE_DROPPED: u8 = 2;

impl Outbox {
    pub(super) fn transmit(&mut self, transmit: Transmit) {
        self.transmits |= bit(transmit);
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Upgraded => self.changes |= UPGRADED,
            Event::ProbeDropped => self.changes |= PROBE_DROPPED,
            Event::Refused(refusal) => self.refusal = Some(refusal),
            Event::Closed(reason) => self.closed = Some(reason),
        }
    }

    /// Forgets what a closed session does not say any more, which is all but the answer to a poll.
    pub(super) fn keep_answers(&mut self) {
        self.transmits &= bit(Transmit::Noop) | bit(Transmit::Close);
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        let next = ORDER.into_iter().find(|&transmit| self.transmits & bit(transmit) != 0)?;
        self.transmits &= !bit(next);
        Some(next)
    }

    /// A refusal belongs to the request just fed and comes first; the close comes last.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        if let Some(refusal) = self.refusal.take() {
            return Some(Event::Refused(refusal));
        }
        for (change, event) in [(PROBE_DROPPED, Event::ProbeDropped), (UPGRADED, Event::Upgraded)] {
            if self.changes & change != 0 {
                self.changes &= !change;
                return Some(event);
            }
        }
        self.closed.take().map(Event::Closed)
    }
}

const ORDER: [Transmit; 5] =
    [Transmit::ProbePong, Transmit::Noop, Transmit::Pong, Transmit::Ping, Transmit::Close];

const fn bit(transmit: Transmit) -> u8 {
    1 << transmit as u8
}

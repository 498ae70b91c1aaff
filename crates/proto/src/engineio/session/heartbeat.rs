//! The heartbeat of both versions, one deadline whatever the transport.

use std::time::Instant;

use super::io::{Timing, after};
use crate::engineio::Version;

#[derive(Debug)]
pub(super) struct Heartbeat {
    /// When the next ping is due, or its answer, or in v3 the peer's next ping.
    deadline: Instant,
    /// When the last ping was sent; only v4 sends any.
    pinged: Instant,
    version: Version,
    beat: Beat,
    paused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Beat {
    /// In v4 until the next ping, in v3 always.
    Resting,
    /// v4: a ping is out.
    Pinged,
    /// v4: a ping is out, and its deadline was put off already.
    Extended,
}

/// What an expired deadline demands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Ping,
    Death,
}

impl Heartbeat {
    pub(super) fn new(version: Version, timing: &Timing, now: Instant) -> Self {
        let mut heartbeat = Self { deadline: now, pinged: now, version, beat: Beat::Resting, paused: false };
        heartbeat.rest(timing, now);
        heartbeat
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The peer's half of the heartbeat came: a pong in v4, a ping in v3.
    pub(super) fn rest(&mut self, timing: &Timing, now: Instant) {
        self.beat = Beat::Resting;
        self.deadline = match self.version {
            // Node `onPacket`, "pong": the interval's timer is refreshed, so it counts from the last pong.
            Version::V4 => after(now, timing.ping_interval),
            // Node `onPacket`, "ping": `pingInterval + pingTimeout` from the last ping, nothing else counts.
            Version::V3 => after(now, timing.ping_interval.saturating_add(timing.ping_timeout)),
        };
    }

    /// Any other packet came. engine.io 6.6.11, `hasRefreshedPingTimeout`: it puts off the deadline of a ping once.
    #[inline]
    pub(super) fn alive(&mut self, timing: &Timing, now: Instant) {
        if self.beat == Beat::Pinged {
            self.extend(timing, now);
        }
    }

    #[cold]
    fn extend(&mut self, timing: &Timing, now: Instant) {
        // While paused the deadline is that of the next ping.
        if !self.paused {
            self.beat = Beat::Extended;
            self.deadline = after(now, timing.ping_timeout);
        }
    }

    /// The peer's answers are not read from now on, so none can be late. v4 goes on pinging all the same, because its
    /// client closes after `pingInterval + pingTimeout` without a ping.
    pub(super) fn pause(&mut self, timing: &Timing, now: Instant) {
        if !self.paused {
            self.paused = true;
            if self.beat != Beat::Resting {
                self.deadline = after(self.pinged, timing.ping_interval).max(now);
            }
        }
    }

    /// The peer gets its full time again: what it sent meanwhile is not read yet.
    pub(super) fn resume(&mut self, timing: &Timing, now: Instant) {
        if self.paused {
            self.paused = false;
            match self.version {
                Version::V3 => self.rest(timing, now),
                Version::V4 if self.beat != Beat::Resting => self.deadline = after(now, timing.ping_timeout),
                Version::V4 => {}
            }
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        // In v3 the server has nothing to do but wait for a ping, which cannot be late while nothing is read.
        let suspended = self.paused && self.version == Version::V3;
        (!suspended).then_some(self.deadline)
    }

    pub(super) fn expire(&mut self, timing: &Timing, now: Instant) -> Option<Due> {
        if self.timeout().is_none_or(|deadline| now < deadline) {
            return None;
        }
        if self.version == Version::V3 || (self.beat != Beat::Resting && !self.paused) {
            return Some(Due::Death);
        }
        self.beat = Beat::Pinged;
        self.pinged = now;
        self.deadline = after(now, if self.paused { timing.ping_interval } else { timing.ping_timeout });
        Some(Due::Ping)
    }
}

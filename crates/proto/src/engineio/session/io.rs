//! What goes into a session and what comes out of it.

use std::time::{Duration, Instant};

use crate::engineio::Kind;

/// How the packets of a session travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// A WebSocket.
    WebSocket,
}

/// The durations a session keeps to; they are passed to each call so that all sessions can share them.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The heartbeat's period, 25 seconds in Node. It must not be zero.
    pub ping_interval: Duration,
    /// How long an answer to a heartbeat may take, 20 seconds in Node.
    pub ping_timeout: Duration,
    /// How long an upgrade may take from the probe's opening to its end, 10 seconds in Node.
    pub upgrade_timeout: Duration,
}

/// What happened to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// A packet came over the session's own transport.
    ///
    /// A MESSAGE needs not be fed, [`Session::alive`](super::Session::alive) does as much for less.
    Packet {
        /// The packet's type.
        kind: Kind,
        /// What follows the type's digit.
        data: &'a str,
    },
    /// Bytes that are no packet came over the session's own transport.
    Invalid,
    /// A WebSocket was accepted for this session, which has another transport so far.
    ProbeOpened,
    /// A packet came over that WebSocket.
    Probe {
        /// The packet's type.
        kind: Kind,
        /// What follows the type's digit.
        data: &'a str,
    },
    /// That WebSocket broke, was closed or sent bytes that are no packet. Without effect once the session moved to it.
    ProbeClosed,
    /// A GET came and waits for its answer.
    PollOpened,
    /// The waiting GET was answered. After [`Transmit::Noop`] and [`Transmit::Close`] the session knows that already.
    PollAnswered,
    /// The peer of the waiting GET left before the answer.
    PollAborted,
    /// A POST came and its body is being read.
    PostOpened,
    /// The POST was answered, whatever the answer.
    PostFinished,
    /// The peer of the POST left before the end of the body.
    PostAborted,
    /// The session's WebSocket ended or sent a Close frame.
    TransportClosed,
    /// The session's WebSocket failed: an IO error, a violation of its protocol, a message above the limit.
    TransportFailed,
    /// Nothing more is read from the transport until what came is worked off.
    ReadingPaused,
    /// The transport is read again.
    ReadingResumed,
    /// The server ends the session.
    Close(Reason),
}

/// What the caller has to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transmit {
    /// `2` over the session's own transport.
    Ping,
    /// `3` over the session's own transport, without data.
    Pong,
    /// `3probe` over the probing WebSocket.
    ProbePong,
    /// `6` as the answer to the waiting GET, at once; data that waits may go instead or stay for the new transport.
    Noop,
    /// `1` as the answer to the waiting GET, or to the next one after a noop (`6␞1`). Only over polling.
    Close,
}

/// What happened inside a session that the caller has to act upon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The probing WebSocket is the session's own transport now; what is queued leaves there.
    Upgraded,
    /// The probing WebSocket is to be closed; the session goes on without it, unless it closes too.
    ProbeDropped,
    /// The request just fed is to be refused.
    Refused(Refusal),
    /// The session is over; this is its last event, and comes once.
    Closed(Reason),
}

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// A GET while another waits; the session closes as well.
    SecondPoll,
    /// A POST while another is being read; the session closes as well.
    SecondPost,
    /// A WebSocket for a session that has or probes one.
    SecondProbe,
    /// A GET or POST for a session over a WebSocket.
    TransportMismatch,
}

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The transport failed, or the client used it against the rules.
    TransportError,
    /// The client closed the transport.
    TransportClose,
    /// The server closed the session because of what the client sent.
    ForcedClose,
    /// The heartbeat was not answered, or in v3 did not come.
    PingTimeout,
    /// The client sent bytes that are no packet.
    ParseError,
    /// The whole server closes.
    ServerShuttingDown,
    /// The server closed the session without such a cause.
    ForcedServerClose,
}

impl Reason {
    /// The reason in Node's words, such as `transport close`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ServerShuttingDown => "server shutting down",
            Self::ForcedServerClose => "forced server close",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The moment `duration` after `now`, or a far one if the clock cannot name it.
pub(super) fn after(now: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    now + duration.min(FAR)
}

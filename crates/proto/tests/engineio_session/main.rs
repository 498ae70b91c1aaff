//! Every rule of the session, on a virtual clock.

mod closing;
mod heartbeat;
mod upgrade;

use std::time::{Duration, Instant};

use tower_socketio_proto::engineio::{
    Event, Input, Kind, Reason, Refusal, Session, Timing, Transmit, Transport, Version,
};

const INTERVAL: Duration = Duration::from_secs(25);
const TIMEOUT: Duration = Duration::from_secs(20);
const UPGRADE: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const VERSIONS: [Version; 2] = [Version::V3, Version::V4];

/// What one step brought: what to transmit, what happened.
type Step = (Vec<Transmit>, Vec<Event>);

/// A session with its own time, which passes only in `wait`.
struct Clocked {
    session: Session,
    timing: Timing,
    now: Instant,
}

impl Clocked {
    fn new(version: Version, transport: Transport) -> Self {
        let timing = Timing { ping_interval: INTERVAL, ping_timeout: TIMEOUT, upgrade_timeout: UPGRADE };
        let now = Instant::now();
        Self { session: Session::new(version, transport, &timing, now), timing, now }
    }

    fn upgraded(version: Version) -> Self {
        let mut clocked = Self::new(version, Transport::Polling);
        clocked.feed(Input::ProbeOpened);
        clocked.probe(Kind::Ping, "probe");
        assert_eq!(clocked.probe(Kind::Upgrade, ""), (vec![], vec![Event::Upgraded]));
        clocked
    }

    fn feed(&mut self, input: Input<'_>) -> Step {
        self.session.handle(input, &self.timing, self.now);
        self.drain()
    }

    fn packet(&mut self, kind: Kind) -> Step {
        self.feed(Input::Packet { kind, data: "" })
    }

    fn probe(&mut self, kind: Kind, data: &str) -> Step {
        self.feed(Input::Probe { kind, data })
    }

    /// Lets time pass and does what falls due on the way.
    fn wait(&mut self, duration: Duration) -> Step {
        let end = self.now + duration;
        let mut step = (vec![], vec![]);
        while let Some(deadline) = self.session.timeout().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            self.session.handle_timeout(&self.timing, self.now);
            let (transmits, events) = self.drain();
            step.0.extend(transmits);
            step.1.extend(events);
        }
        self.now = end;
        step
    }

    fn drain(&mut self) -> Step {
        let transmits = std::iter::from_fn(|| self.session.poll_transmit()).collect();
        let events = std::iter::from_fn(|| self.session.poll_event()).collect();
        (transmits, events)
    }

    fn remaining(&self) -> Option<Duration> {
        self.session.timeout().map(|deadline| deadline - self.now)
    }
}

fn nothing() -> Step {
    (vec![], vec![])
}

fn closed(reason: Reason) -> Step {
    (vec![], vec![Event::Closed(reason)])
}

fn refused(refusal: Refusal) -> Step {
    (vec![], vec![Event::Refused(refusal)])
}

#[test]
fn a_session_is_small() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
}

#[test]
fn reasons_have_the_names_of_node() {
    let reasons = [
        (Reason::TransportError, "transport error"),
        (Reason::TransportClose, "transport close"),
        (Reason::ForcedClose, "forced close"),
        (Reason::PingTimeout, "ping timeout"),
        (Reason::ParseError, "parse error"),
        (Reason::ServerShuttingDown, "server shutting down"),
        (Reason::ForcedServerClose, "forced server close"),
    ];
    for (reason, name) in reasons {
        assert_eq!(reason.as_str(), name);
        assert_eq!(reason.to_string(), name);
    }
}

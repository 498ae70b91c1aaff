//! A session keeps its promises whatever happens, and in whatever order.

#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tower_socketio_proto::engineio::{
    Event, Input, Kind, Reason, Session, Timing, Transmit, Transport, Version,
};

fuzz_target!(|input: &[u8]| {
    let [flags, acts @ ..] = input else { return };
    let version = if flags & 1 == 0 { Version::V4 } else { Version::V3 };
    let transport = if flags & 2 == 0 { Transport::Polling } else { Transport::WebSocket };
    let mut driver = Driver::new(version, transport);
    for act in acts {
        driver.act(*act);
    }
    // A silent peer is always found out, unless the server itself does not listen.
    driver.feed(Input::ReadingResumed);
    driver.wait(Duration::from_millis(200));
    assert!(driver.closed, "a silent peer stays forever");
});

/// When every run begins; no answer of a session depends on it.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

struct Driver {
    session: Session,
    timing: Timing,
    now: Instant,
    poll_waits: bool,
    closed: bool,
}

impl Driver {
    fn new(version: Version, transport: Transport) -> Self {
        let timing = Timing {
            ping_interval: Duration::from_millis(25),
            ping_timeout: Duration::from_millis(20),
            upgrade_timeout: Duration::from_millis(10),
        };
        let session = Session::new(version, transport, &timing, *START);
        Self { session, timing, now: *START, poll_waits: false, closed: false }
    }

    /// Two bits say what to do, six with what.
    fn act(&mut self, act: u8) {
        let argument = act & 0x3f;
        match act >> 6 {
            0 => self.feed(input(argument)),
            1 => {
                let kind = Kind::from_digit(b'0' + argument % 7).expect("these are the seven digits");
                let data = ["", "probe", "other"][usize::from(argument / 7 % 3)];
                self.feed(if argument < 21 {
                    Input::Packet { kind, data }
                } else {
                    Input::Probe { kind, data }
                });
            }
            // The timer fires on the way, as a driver would have it.
            2 => self.wait(Duration::from_millis(argument.into())),
            // The driver is late, or early if no time passes.
            _ => {
                self.now += Duration::from_millis(argument.into());
                self.fire();
            }
        }
    }

    fn feed(&mut self, input: Input<'_>) {
        match input {
            Input::PollOpened if self.session.transport() == Transport::Polling => self.poll_waits = true,
            Input::PollAnswered | Input::PollAborted => self.poll_waits = false,
            // A MESSAGE may also come by the shorter way.
            Input::Packet { kind: Kind::Message, data: "other" } => {
                return self.session.alive(&self.timing, self.now);
            }
            _ => {}
        }
        self.session.handle(input, &self.timing, self.now);
        self.drain();
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut fired = 0;
        while let Some(deadline) = self.session.timeout().filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now, "a deadline lies in the past");
            self.now = deadline;
            self.fire();
            fired += 1;
            assert!(fired <= 100, "the timer fires without end");
        }
        self.now = end;
    }

    fn fire(&mut self) {
        let early = self.session.timeout().is_none_or(|deadline| self.now < deadline);
        self.session.handle_timeout(&self.timing, self.now);
        let said = self.drain();
        assert!(!early || said == 0, "nothing was due");
        assert!(self.session.timeout().is_none_or(|deadline| deadline > self.now), "still due");
    }

    /// Takes everything the session has to say, and returns how much that was.
    fn drain(&mut self) -> usize {
        let was_closed = self.closed;
        let transmits: Vec<_> = std::iter::from_fn(|| self.session.poll_transmit()).take(6).collect();
        let events: Vec<_> = std::iter::from_fn(|| self.session.poll_event()).take(5).collect();
        assert!(transmits.len() <= 5 && events.len() <= 4, "a queue without bound");
        for transmit in &transmits {
            match transmit {
                Transmit::Noop => assert!(std::mem::take(&mut self.poll_waits), "a noop without a poll"),
                Transmit::Close => self.poll_waits = false,
                Transmit::Ping | Transmit::Pong | Transmit::ProbePong => {}
            }
        }
        if let Some(position) = events.iter().position(|event| matches!(event, Event::Closed(_))) {
            assert!(!was_closed, "closed twice");
            assert_eq!(position, events.len() - 1, "something after the end");
            assert!(transmits.iter().all(|transmit| matches!(transmit, Transmit::Noop | Transmit::Close)));
            assert!(!self.poll_waits, "a poll is left without an answer");
            self.closed = true;
        }
        assert!(!was_closed || (transmits.is_empty() && events.is_empty()), "a closed session speaks");
        assert_eq!(self.closed, self.session.is_closed());
        assert!(!self.closed || self.session.timeout().is_none(), "a closed session waits");
        transmits.len() + events.len()
    }
}

fn input(number: u8) -> Input<'static> {
    match number {
        0..8 => Input::PollOpened,
        8..16 => Input::PollAnswered,
        16..20 => Input::PostOpened,
        20..28 => Input::PostFinished,
        28..32 => Input::ProbeOpened,
        32..36 => Input::Probe { kind: Kind::Ping, data: "probe" },
        36..40 => Input::Packet { kind: Kind::Pong, data: "" },
        40..44 => Input::ReadingPaused,
        44..48 => Input::ReadingResumed,
        48..50 => Input::ProbeClosed,
        50..52 => Input::Packet { kind: Kind::Ping, data: "" },
        52 => Input::PollAborted,
        53 => Input::PostAborted,
        54 => Input::Invalid,
        55 => Input::TransportClosed,
        56 => Input::TransportFailed,
        57 => Input::Close(Reason::ServerShuttingDown),
        _ => Input::Close(Reason::ForcedClose),
    }
}

//! What holds for arbitrary bytes, packets and sequences of events.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tower_socketio_proto::engineio::{
    ContentType, Event, Input, Item, Kind, Limits, Packet, Reason, Session, Timing, Transmit, Transport,
    Version, decode_binary, decode_payload, decode_text, encode_payload, encoded_len,
};

#[derive(Clone, Debug)]
enum Owned {
    Text(String),
    Binary(Vec<u8>),
}

impl Owned {
    fn item(&self) -> Item<'_> {
        match self {
            Self::Text(text) => Item::Text(text),
            Self::Binary(data) => Item::Binary(data),
        }
    }

    fn packet(&self) -> Packet<'_> {
        match self {
            Self::Text(text) => Packet::Text {
                kind: Kind::from_digit(text.as_bytes()[0]).expect("a digit is in front"),
                data: &text[1..],
            },
            Self::Binary(data) => Packet::Binary(Cow::Borrowed(data)),
        }
    }
}

/// Packets of any type with any text, but the one character that a v4 payload cannot carry.
fn packets(version: Version) -> impl Strategy<Value = Vec<Owned>> {
    let text = (0..=6_u8, ".*").prop_map(move |(digit, data)| {
        let data = if version == Version::V4 { data.replace('\u{1e}', "") } else { data };
        Owned::Text(format!("{digit}{data}"))
    });
    let binary = proptest::collection::vec(any::<u8>(), 0..64).prop_map(Owned::Binary);
    proptest::collection::vec(prop_oneof![3 => text, 1 => binary], 1..12)
}

fn versions() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3), Just(Version::V4)]
}

fn kinds() -> impl Strategy<Value = Kind> {
    (b'0'..=b'6').prop_map(|digit| Kind::from_digit(digit).expect("these are the seven digits"))
}

fn inputs() -> impl Strategy<Value = Input<'static>> {
    let data = prop_oneof![Just(""), Just("probe"), Just("other")];
    let reasons = prop_oneof![Just(Reason::ForcedClose), Just(Reason::ServerShuttingDown)];
    prop_oneof![
        4 => (kinds(), data.clone()).prop_map(|(kind, data)| Input::Packet { kind, data }),
        4 => (kinds(), data).prop_map(|(kind, data)| Input::Probe { kind, data }),
        4 => Just(Input::Probe { kind: Kind::Ping, data: "probe" }),
        4 => Just(Input::Packet { kind: Kind::Pong, data: "" }),
        4 => Just(Input::ProbeOpened),
        8 => Just(Input::PollOpened),
        8 => Just(Input::PollAnswered),
        4 => Just(Input::PostOpened),
        8 => Just(Input::PostFinished),
        4 => Just(Input::ReadingPaused),
        4 => Just(Input::ReadingResumed),
        2 => Just(Input::ProbeClosed),
        1 => Just(Input::PollAborted),
        1 => Just(Input::PostAborted),
        1 => Just(Input::Invalid),
        1 => Just(Input::TransportClosed),
        1 => Just(Input::TransportFailed),
        1 => reasons.prop_map(Input::Close),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Input(Input<'static>),
    Alive,
    /// Milliseconds pass; the timer fires on the way, as a driver would have it.
    Wait(u64),
    /// Milliseconds pass and the driver is late.
    Sleep(u64),
    /// The timer fires although nothing is due.
    Fire,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => inputs().prop_map(Act::Input),
        2 => Just(Act::Alive),
        4 => (0..30_u64).prop_map(Act::Wait),
        1 => (0..60_u64).prop_map(Act::Sleep),
        1 => Just(Act::Fire),
    ];
    proptest::collection::vec(act, 0..60)
}

/// A driver that checks the session's promises after every step.
struct Checked {
    session: Session,
    timing: Timing,
    now: Instant,
    poll_waits: bool,
    closed: bool,
}

impl Checked {
    fn act(&mut self, act: Act) {
        match act {
            Act::Input(input) => {
                if input == Input::PollOpened && self.session.transport() == Transport::Polling {
                    self.poll_waits = true;
                }
                if matches!(input, Input::PollAnswered | Input::PollAborted) {
                    self.poll_waits = false;
                }
                self.session.handle(input, &self.timing, self.now);
                self.drain();
            }
            Act::Alive => self.session.alive(&self.timing, self.now),
            Act::Wait(milliseconds) => self.wait(Duration::from_millis(milliseconds)),
            Act::Sleep(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                self.fire();
            }
            Act::Fire => self.fire(),
        }
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut fired = 0;
        while let Some(deadline) = self.session.timeout().filter(|&deadline| deadline <= end) {
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

    fn drain(&mut self) -> usize {
        let was_closed = self.closed;
        let mut transmits = Vec::new();
        while let Some(transmit) = self.session.poll_transmit() {
            transmits.push(transmit);
            assert!(transmits.len() <= 5, "a queue without bound");
        }
        let mut events = Vec::new();
        while let Some(event) = self.session.poll_event() {
            events.push(event);
            assert!(events.len() <= 4, "a queue without bound");
        }
        for transmit in &transmits {
            match transmit {
                Transmit::Noop => {
                    assert!(std::mem::take(&mut self.poll_waits), "a noop without a poll");
                }
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

/// What payloads of both versions are made of, whole and broken.
const PARTS: &[&[u8]] = &[
    b"2:4a",
    b"b4AQID",
    b"bAQID",
    b"0:",
    b":",
    b"9",
    b"4",
    b"\x1e",
    "€".as_bytes(),
    "😀".as_bytes(),
    &[0xf0, 0x9f],
    &[0, 2, 255],
    &[1, 1, 255, 4],
];

proptest! {
    #[test]
    fn version_4_payloads_come_back_as_they_went(
        packets in packets(Version::V4),
        base64 in any::<bool>(),
    ) {
        let mut body = Vec::new();
        let items = packets.iter().map(Owned::item);
        prop_assert_eq!(encode_payload(Version::V4, base64, items.clone(), &mut body), ContentType::Text);
        let decoded = decode_payload(Version::V4, false, &body, &Limits::default()).unwrap();
        prop_assert_eq!(decoded, packets.iter().map(Owned::packet).collect::<Vec<_>>());
        // The first packet has no separator in front.
        prop_assert_eq!(body.len() + 1, items.map(|item| encoded_len(Version::V4, &item)).sum::<usize>());
    }

    #[test]
    fn version_3_payloads_come_back_as_they_went(
        packets in packets(Version::V3),
        base64 in any::<bool>(),
    ) {
        let mut body = Vec::new();
        let items = packets.iter().map(Owned::item);
        let content_type = encode_payload(Version::V3, base64, items.clone(), &mut body);
        let octets = content_type == ContentType::Binary;
        let has_binary = packets.iter().any(|packet| matches!(packet, Owned::Binary(_)));
        prop_assert_eq!(octets, has_binary && !base64);
        let decoded = decode_payload(Version::V3, octets, &body, &Limits::default()).unwrap();
        prop_assert_eq!(decoded, packets.iter().map(Owned::packet).collect::<Vec<_>>());
        prop_assert!(body.len() <= items.map(|item| encoded_len(Version::V3, &item)).sum::<usize>());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        version in versions(),
        binary in any::<bool>(),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = decode_payload(version, binary, &body, &Limits::default());
        let _ = decode_binary(version, &body);
        let _ = decode_text(version, &String::from_utf8_lossy(&body));
    }

    #[test]
    fn bytes_that_resemble_a_payload_never_panic(
        version in versions(),
        binary in any::<bool>(),
        parts in proptest::collection::vec(
            proptest::sample::select(PARTS),
            0..20,
        ),
    ) {
        let _ = decode_payload(version, binary, &parts.concat(), &Limits::default());
    }

    #[test]
    fn a_session_keeps_its_promises_whatever_happens(
        version in versions(),
        websocket in any::<bool>(),
        acts in acts(),
    ) {
        let timing = Timing {
            ping_interval: Duration::from_millis(25),
            ping_timeout: Duration::from_millis(20),
            upgrade_timeout: Duration::from_millis(10),
        };
        let now = Instant::now();
        let transport = if websocket { Transport::WebSocket } else { Transport::Polling };
        let session = Session::new(version, transport, &timing, now);
        let mut checked = Checked { session, timing, now, poll_waits: false, closed: false };
        for act in acts {
            checked.act(act);
        }
        // A silent peer is always found out, unless the server itself does not listen.
        checked.act(Act::Input(Input::ReadingResumed));
        checked.act(Act::Wait(200));
        prop_assert!(checked.closed);
    }
}

//! The heartbeat of both versions.

use std::time::{Duration, Instant};

use tower_socketio_proto::engineio::{Input, Kind, Reason, Session, Timing, Transmit, Transport, Version};

use super::{Clocked, INTERVAL, SECOND, TIMEOUT, VERSIONS, closed, nothing};

#[test]
fn version_4_pings_an_interval_after_the_open_and_after_each_pong() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut session = Clocked::new(Version::V4, transport);
        assert_eq!(session.wait(INTERVAL - SECOND), nothing());
        assert_eq!(session.wait(SECOND), (vec![Transmit::Ping], vec![]));
        assert_eq!(session.wait(7 * SECOND), nothing());
        assert_eq!(session.packet(Kind::Pong), nothing());
        assert_eq!(session.remaining(), Some(INTERVAL), "counted from the pong, not from the ping");
        assert_eq!(session.wait(INTERVAL), (vec![Transmit::Ping], vec![]));
    }
}

#[test]
fn version_4_dies_when_no_pong_comes_in_time() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.wait(INTERVAL);
    assert_eq!(session.wait(TIMEOUT - SECOND), nothing());
    assert_eq!(session.wait(SECOND), closed(Reason::PingTimeout));
    assert!(session.session.is_closed());
}

#[test]
fn a_pong_nobody_asked_for_starts_the_interval_anew() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.wait(10 * SECOND);
    assert_eq!(session.packet(Kind::Pong), nothing());
    assert_eq!(session.remaining(), Some(INTERVAL));
}

#[test]
fn other_traffic_extends_a_pending_ping_once() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.session.alive(&session.timing, session.now + SECOND);
    assert_eq!(session.remaining(), Some(INTERVAL), "no ping is pending");
    session.wait(INTERVAL + 15 * SECOND);
    session.session.alive(&session.timing, session.now);
    assert_eq!(session.remaining(), Some(TIMEOUT));
    session.wait(SECOND);
    session.packet(Kind::Message);
    assert_eq!(session.remaining(), Some(TIMEOUT - SECOND), "only once");
    assert_eq!(session.wait(TIMEOUT - SECOND), closed(Reason::PingTimeout));
}

#[test]
fn a_pong_gives_the_extension_back() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    for _ in 0..3 {
        assert_eq!(session.wait(INTERVAL), (vec![Transmit::Ping], vec![]));
        session.wait(TIMEOUT - SECOND);
        session.packet(Kind::Message);
        assert_eq!(session.wait(TIMEOUT - SECOND), nothing());
        session.packet(Kind::Pong);
    }
}

#[test]
fn version_3_answers_pings_without_their_data() {
    let mut session = Clocked::new(Version::V3, Transport::WebSocket);
    assert_eq!(session.packet(Kind::Ping), (vec![Transmit::Pong], vec![]));
    let probe = Input::Packet { kind: Kind::Ping, data: "probe" };
    assert_eq!(session.feed(probe), (vec![Transmit::Pong], vec![]));
}

#[test]
fn version_3_dies_after_interval_and_timeout_without_a_ping() {
    let mut session = Clocked::new(Version::V3, Transport::WebSocket);
    session.wait(INTERVAL);
    session.packet(Kind::Ping);
    session.wait(INTERVAL);
    session.packet(Kind::Message);
    session.session.alive(&session.timing, session.now);
    assert_eq!(session.remaining(), Some(TIMEOUT), "only pings count");
    assert_eq!(session.wait(TIMEOUT), closed(Reason::PingTimeout));
}

#[test]
fn the_wrong_heartbeat_direction_is_a_transport_error() {
    for (version, kind) in [(Version::V4, Kind::Ping), (Version::V3, Kind::Pong)] {
        let mut session = Clocked::new(version, Transport::WebSocket);
        assert_eq!(session.packet(kind), closed(Reason::TransportError));
    }
}

#[test]
fn packets_without_a_meaning_here_are_ignored() {
    for version in VERSIONS {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut session = Clocked::new(version, transport);
            for kind in [Kind::Open, Kind::Noop, Kind::Upgrade, Kind::Message] {
                assert_eq!(session.packet(kind), nothing());
            }
        }
    }
}

#[test]
fn the_heartbeat_survives_the_upgrade_in_both_versions() {
    let mut session = Clocked::upgraded(Version::V3);
    assert_eq!(session.remaining(), Some(INTERVAL + TIMEOUT));
    assert_eq!(session.wait(INTERVAL + TIMEOUT), closed(Reason::PingTimeout));

    let mut session = Clocked::upgraded(Version::V4);
    assert_eq!(session.wait(INTERVAL), (vec![Transmit::Ping], vec![]));
    assert_eq!(session.wait(TIMEOUT), closed(Reason::PingTimeout));
}

#[test]
fn a_ping_pending_at_the_upgrade_is_still_enforced() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.wait(INTERVAL + SECOND);
    session.feed(Input::ProbeOpened);
    session.probe(Kind::Ping, "probe");
    session.probe(Kind::Upgrade, "");
    assert_eq!(session.wait(TIMEOUT - SECOND), closed(Reason::PingTimeout));
}

#[test]
fn a_pause_suspends_the_deadline_and_the_peer_gets_its_full_time_after_it() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.wait(INTERVAL + TIMEOUT - SECOND);
    session.feed(Input::ReadingPaused);
    let (transmits, events) = session.wait(100 * INTERVAL);
    assert_eq!(events, []);
    assert_eq!(transmits.len(), 100, "the client still wants its pings");
    session.feed(Input::ReadingResumed);
    assert_eq!(session.remaining(), Some(TIMEOUT));
    assert_eq!(session.wait(TIMEOUT), closed(Reason::PingTimeout));

    let mut session = Clocked::new(Version::V3, Transport::WebSocket);
    session.feed(Input::ReadingPaused);
    assert_eq!(session.remaining(), None);
    session.wait(100 * INTERVAL);
    session.feed(Input::ReadingResumed);
    assert_eq!(session.wait(INTERVAL + TIMEOUT), closed(Reason::PingTimeout));
}

#[test]
fn a_paused_client_is_pinged_within_its_own_patience() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.wait(INTERVAL + TIMEOUT - SECOND);
    session.feed(Input::ReadingPaused);
    assert_eq!(session.remaining(), Some(INTERVAL - TIMEOUT + SECOND), "an interval after the last ping");
    session.session.alive(&session.timing, session.now);
    assert_eq!(session.remaining(), Some(INTERVAL - TIMEOUT + SECOND), "what is left in the buffer");
}

#[test]
fn a_pause_after_an_extension_pings_at_once_if_the_client_waits_already() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.wait(INTERVAL + TIMEOUT - SECOND);
    session.packet(Kind::Message);
    session.wait(INTERVAL - TIMEOUT + 2 * SECOND);
    session.feed(Input::ReadingPaused);
    assert_eq!(session.session.timeout(), Some(session.now), "not in the past");
    assert_eq!(session.wait(Duration::ZERO), (vec![Transmit::Ping], vec![]));
    assert_eq!(session.remaining(), Some(INTERVAL));
}

#[test]
fn a_pause_without_a_pending_ping_changes_nothing() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.wait(SECOND);
    for input in [Input::ReadingResumed, Input::ReadingPaused, Input::ReadingPaused, Input::ReadingResumed] {
        assert_eq!(session.feed(input), nothing());
        assert_eq!(session.remaining(), Some(INTERVAL - SECOND));
    }
}

#[test]
fn endless_durations_do_not_overflow_the_clock() {
    for version in VERSIONS {
        let timing = Timing {
            ping_interval: Duration::MAX,
            ping_timeout: Duration::MAX,
            upgrade_timeout: Duration::MAX,
        };
        let now = Instant::now();
        let mut session = Session::new(version, Transport::Polling, &timing, now);
        session.handle(Input::ProbeOpened, &timing, now);
        assert!(session.timeout() > Some(now + 1000 * INTERVAL));
    }
}

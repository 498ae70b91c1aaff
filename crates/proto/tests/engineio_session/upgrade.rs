//! The way from polling to a WebSocket.

use tower_socketio_proto::engineio::{Event, Input, Kind, Refusal, Transmit, Transport, Version};

use super::{Clocked, INTERVAL, SECOND, UPGRADE, VERSIONS, nothing, refused};

#[test]
fn a_probe_is_answered_and_ends_the_parked_poll_at_once() {
    for version in VERSIONS {
        let mut session = Clocked::new(version, Transport::Polling);
        assert_eq!(session.feed(Input::PollOpened), nothing());
        assert_eq!(session.feed(Input::ProbeOpened), nothing());
        assert!(session.session.is_probing());
        let answers = vec![Transmit::ProbePong, Transmit::Noop];
        assert_eq!(session.probe(Kind::Ping, "probe"), (answers, vec![]));
        // Polls that come before the client has paused end at once, each with one noop.
        for _ in 0..3 {
            assert_eq!(session.feed(Input::PollOpened), (vec![Transmit::Noop], vec![]));
            assert_eq!(session.drain(), nothing());
        }
        assert_eq!(session.session.transport(), Transport::Polling);
        assert_eq!(session.probe(Kind::Upgrade, ""), (vec![], vec![Event::Upgraded]));
        assert_eq!(session.session.transport(), Transport::WebSocket);
        assert!(session.session.upgraded() && !session.session.is_probing());
        assert_eq!(session.session.version(), version);
    }
}

#[test]
fn polls_wait_as_usual_until_the_probe_is_answered() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::ProbeOpened);
    assert_eq!(session.feed(Input::PollOpened), nothing());
    assert_eq!(session.feed(Input::PollAnswered), nothing());
    assert_eq!(session.probe(Kind::Ping, "probe"), (vec![Transmit::ProbePong], vec![]));
}

#[test]
fn an_upgrade_without_a_probe_ends_the_parked_poll_too() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::PollOpened);
    session.feed(Input::ProbeOpened);
    assert_eq!(session.probe(Kind::Upgrade, ""), (vec![Transmit::Noop], vec![Event::Upgraded]));
}

#[test]
fn anything_else_on_the_probe_drops_the_probe_only() {
    let others = [
        (Kind::Ping, ""),
        (Kind::Ping, "Probe"),
        (Kind::Message, "hello"),
        (Kind::Close, ""),
        (Kind::Pong, "probe"),
        (Kind::Open, ""),
        (Kind::Noop, ""),
    ];
    for (kind, data) in others {
        for probed in [false, true] {
            let mut session = Clocked::new(Version::V4, Transport::Polling);
            session.feed(Input::ProbeOpened);
            if probed {
                session.probe(Kind::Ping, "probe");
            }
            assert_eq!(session.probe(kind, data), (vec![], vec![Event::ProbeDropped]));
            assert_eq!(session.probe(Kind::Upgrade, ""), nothing(), "a dropped probe says nothing more");
            assert_eq!(session.feed(Input::PollOpened), nothing(), "polling goes on");
            assert_eq!(session.feed(Input::ProbeOpened), nothing(), "another probe may come");
        }
    }
}

#[test]
fn a_broken_probe_ends_alone() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    assert_eq!(session.feed(Input::ProbeClosed), nothing());
    session.feed(Input::ProbeOpened);
    assert_eq!(session.feed(Input::ProbeClosed), (vec![], vec![Event::ProbeDropped]));
    assert!(!session.session.is_closed());

    let mut session = Clocked::upgraded(Version::V4);
    assert_eq!(session.feed(Input::ProbeClosed), nothing(), "it is no probe any more");
}

#[test]
fn the_upgrade_timeout_drops_the_probe_only() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::ProbeOpened);
    session.wait(UPGRADE - SECOND);
    session.probe(Kind::Ping, "probe");
    assert_eq!(session.wait(SECOND), (vec![], vec![Event::ProbeDropped]), "counted from the opening");
    assert_eq!(session.session.transport(), Transport::Polling);
    assert_eq!(session.remaining(), Some(INTERVAL - UPGRADE));

    let mut session = Clocked::upgraded(Version::V4);
    assert_eq!(session.wait(UPGRADE), nothing(), "an upgrade that came to its end has no deadline");
}

#[test]
fn a_second_websocket_is_refused() {
    let mut probing = Clocked::new(Version::V4, Transport::Polling);
    probing.feed(Input::ProbeOpened);
    let mut probed = Clocked::new(Version::V4, Transport::Polling);
    probed.feed(Input::ProbeOpened);
    probed.probe(Kind::Ping, "probe");
    let upgraded = Clocked::upgraded(Version::V4);
    let direct = Clocked::new(Version::V4, Transport::WebSocket);
    for mut session in [probing, probed, upgraded, direct] {
        assert_eq!(session.feed(Input::ProbeOpened), refused(Refusal::SecondProbe));
        assert!(!session.session.is_closed());
    }
}

#[test]
fn polling_over_a_websocket_session_is_refused_and_harms_nobody() {
    for mut session in [Clocked::upgraded(Version::V4), Clocked::new(Version::V4, Transport::WebSocket)] {
        for input in [Input::PollOpened, Input::PostOpened, Input::PollOpened, Input::PostOpened] {
            assert_eq!(session.feed(input), refused(Refusal::TransportMismatch));
        }
        for input in [Input::PollAborted, Input::PostAborted, Input::PollAnswered, Input::PostFinished] {
            assert_eq!(session.feed(input), nothing());
        }
    }
}

#[test]
fn a_post_that_outlives_the_upgrade_harms_nobody() {
    for end in [Input::PostFinished, Input::PostAborted] {
        let mut session = Clocked::new(Version::V4, Transport::Polling);
        session.feed(Input::PostOpened);
        session.feed(Input::ProbeOpened);
        session.probe(Kind::Ping, "probe");
        session.probe(Kind::Upgrade, "");
        assert_eq!(session.feed(end), nothing());
    }
}

//! Requests that overlap or break, and every way to end.

use tower_socketio_proto::engineio::{Event, Input, Kind, Reason, Refusal, Transmit, Transport, Version};

use super::{Clocked, INTERVAL, TIMEOUT, VERSIONS, closed, nothing};

#[test]
fn a_second_poll_closes_the_session_and_answers_the_first() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::PollOpened);
    let events = vec![Event::Refused(Refusal::SecondPoll), Event::Closed(Reason::TransportError)];
    assert_eq!(session.feed(Input::PollOpened), (vec![Transmit::Close], events));
}

#[test]
fn a_second_post_closes_the_session() {
    for (poll, transmits) in [(false, vec![]), (true, vec![Transmit::Close])] {
        let mut session = Clocked::new(Version::V4, Transport::Polling);
        if poll {
            session.feed(Input::PollOpened);
        }
        session.feed(Input::PostOpened);
        let events = vec![Event::Refused(Refusal::SecondPost), Event::Closed(Reason::TransportError)];
        assert_eq!(session.feed(Input::PostOpened), (transmits, events));
    }
}

#[test]
fn requests_one_after_the_other_are_fine() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    for _ in 0..3 {
        for input in [Input::PollOpened, Input::PostOpened, Input::PostFinished, Input::PollAnswered] {
            assert_eq!(session.feed(input), nothing());
        }
    }
}

#[test]
fn an_aborted_request_closes_the_session() {
    for (opened, aborted) in
        [(Input::PollOpened, Input::PollAborted), (Input::PostOpened, Input::PostAborted)]
    {
        let mut session = Clocked::new(Version::V4, Transport::Polling);
        assert_eq!(session.feed(aborted), nothing(), "late news of an answered request");
        session.feed(opened);
        assert_eq!(session.feed(aborted), closed(Reason::TransportError));
    }
}

#[test]
fn a_close_packet_closes_at_once() {
    for version in VERSIONS {
        let mut session = Clocked::new(version, Transport::WebSocket);
        assert_eq!(session.packet(Kind::Close), closed(Reason::TransportClose));
        let mut session = Clocked::new(version, Transport::Polling);
        assert_eq!(session.packet(Kind::Close), closed(Reason::TransportClose));

        let mut session = Clocked::new(version, Transport::Polling);
        session.feed(Input::PollOpened);
        session.feed(Input::PostOpened);
        let answer = (vec![Transmit::Noop], vec![Event::Closed(Reason::TransportClose)]);
        assert_eq!(session.packet(Kind::Close), answer);
    }
}

#[test]
fn the_end_of_the_transport_is_the_end_of_the_session() {
    for (input, reason) in [
        (Input::TransportClosed, Reason::TransportClose),
        (Input::TransportFailed, Reason::TransportError),
        (Input::Invalid, Reason::ParseError),
    ] {
        assert_eq!(Clocked::new(Version::V4, Transport::WebSocket).feed(input), closed(reason));
        assert_eq!(Clocked::upgraded(Version::V3).feed(input), closed(reason));
    }
}

#[test]
fn a_waiting_poll_hears_of_every_close() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::PollOpened);
    let answer = (vec![Transmit::Close], vec![Event::Closed(Reason::ParseError)]);
    assert_eq!(session.feed(Input::Invalid), answer);

    let mut session = Clocked::new(Version::V3, Transport::Polling);
    session.feed(Input::PollOpened);
    let answer = (vec![Transmit::Close], vec![Event::Closed(Reason::PingTimeout)]);
    assert_eq!(session.wait(INTERVAL + TIMEOUT), answer);
}

#[test]
fn the_servers_close_reaches_a_polling_client_also_without_a_poll() {
    let reasons = [Reason::ForcedClose, Reason::ServerShuttingDown, Reason::ForcedServerClose];
    for reason in reasons {
        let answer = (vec![Transmit::Close], vec![Event::Closed(reason)]);
        let mut session = Clocked::new(Version::V4, Transport::Polling);
        assert_eq!(session.feed(Input::Close(reason)), answer);
        let mut session = Clocked::new(Version::V4, Transport::Polling);
        session.feed(Input::PollOpened);
        assert_eq!(session.feed(Input::Close(reason)), answer);
        let mut session = Clocked::new(Version::V4, Transport::WebSocket);
        assert_eq!(session.feed(Input::Close(reason)), closed(reason), "there the transport itself closes");
    }
}

#[test]
fn a_close_takes_the_probe_along() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::ProbeOpened);
    let events = vec![Event::ProbeDropped, Event::Closed(Reason::TransportClose)];
    assert_eq!(session.packet(Kind::Close), (vec![], events));
    assert!(!session.session.is_probing());
}

#[test]
fn a_closed_session_is_deaf_and_has_no_deadline() {
    let mut session = Clocked::new(Version::V4, Transport::Polling);
    session.feed(Input::Close(Reason::ForcedClose));
    assert_eq!(session.remaining(), None);
    for input in [
        Input::PollOpened,
        Input::ProbeOpened,
        Input::ReadingResumed,
        Input::Packet { kind: Kind::Pong, data: "" },
        Input::Close(Reason::ServerShuttingDown),
    ] {
        assert_eq!(session.feed(input), nothing());
    }
    session.session.handle_timeout(&session.timing, session.now + INTERVAL);
    assert_eq!(session.drain(), nothing());
    assert_eq!(session.remaining(), None);
}

#[test]
fn a_ping_not_yet_taken_is_forgotten_at_the_close() {
    let mut session = Clocked::new(Version::V4, Transport::WebSocket);
    session.now += INTERVAL;
    session.session.handle_timeout(&session.timing, session.now);
    assert_eq!(session.feed(Input::TransportClosed), closed(Reason::TransportClose));
}

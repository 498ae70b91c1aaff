//! From polling to WebSocket (D3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::{Connection, Packet, Polling, Request, Version, WebSocket, encode_payload, fetch};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::{reference, server};

in_both_versions![
    the_parked_poll_is_answered_with_a_noop,
    the_noop_comes_at_once,
    the_client_may_switch_without_waiting_for_the_answer_to_its_probe,
    a_client_without_a_parked_poll_may_switch,
    messages_go_on_by_polling_until_the_client_switches,
    what_waits_while_the_client_switches_comes_by_websocket,
    binary_crosses_the_upgrade,
    polling_is_over_after_the_upgrade,
    a_thousand_events_cross_the_upgrade_in_order,
    a_session_ends_with_its_websocket,
];

async fn the_parked_poll_is_answered_with_a_noop(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    assert_eq!(session.parked_packets().await, [Packet::text("6")]);
    websocket.send_text("5").await;
    websocket.assert_alive().await;
}

/// The reference answers at the next beat of a clock of 100 ms.
async fn the_noop_comes_at_once(version: Version) {
    let beat = Duration::from_millis(if reference() { 1_000 } else { 90 });
    let server = server(Options::default()).await;
    let mut times = Vec::new();
    // A busy machine may be slow once.
    while times.len() < 5 && !times.iter().any(|&time| time < beat) {
        let mut session = Polling::open(server.address, version).await;
        session.join().await;
        session.park().await;
        let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
        let probed = Instant::now();
        websocket.send_text("2probe").await;
        assert_eq!(session.parked_packets().await, [Packet::text("6")]);
        times.push(probed.elapsed());
        websocket.send_text("5").await;
    }
    assert!(times.iter().any(|&time| time < beat), "{times:?}");
}

async fn the_client_may_switch_without_waiting_for_the_answer_to_its_probe(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    let event = r#"42["message","at once"]"#;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5"), Packet::text(event)]).await;
    assert_eq!(websocket.text().await, "3probe");
    assert_eq!(websocket.text().await, r#"42["message-back","at once"]"#);
}

async fn a_client_without_a_parked_poll_may_switch(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.send_text("5").await;
    websocket.assert_alive().await;
}

async fn messages_go_on_by_polling_until_the_client_switches(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    for number in 0..3 {
        session.post_text(&format!(r#"42["message",{number}]"#)).await;
        let answer = Packet::Text(format!(r#"42["message-back",{number}]"#));
        let mut packets = session.poll().await;
        while packets == [Packet::text("6")] {
            packets = session.poll().await;
        }
        assert_eq!(packets, [answer]);
    }
    // A poll that comes while the probe is open is sent home as well.
    assert_eq!(session.poll().await, [Packet::text("6")]);
    websocket.send_text("5").await;
    websocket.assert_alive().await;
}

async fn what_waits_while_the_client_switches_comes_by_websocket(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    session.post_text(r#"42["message","one"]"#).await;
    session.post_text(r#"42["message","two"]"#).await;
    websocket.send_text("5").await;
    websocket.send_text(r#"42["message","three"]"#).await;
    for number in ["one", "two", "three"] {
        assert_eq!(websocket.text().await, format!(r#"42["message-back","{number}"]"#));
    }
}

async fn binary_crosses_the_upgrade(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    // The event goes one way and its attachment the other.
    session.post_text(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
    websocket.send_packets(&[Packet::text("5"), Packet::binary([1, 2, 3])]).await;
    assert_eq!(websocket.text().await, r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(websocket.packet().await, Packet::binary([1, 2, 3]));
}

async fn polling_is_over_after_the_upgrade(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5")]).await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.assert_alive().await;

    let bad_request = r#"{"code":3,"message":"Bad request"}"#;
    session.poll_response().await.assert_error(400, bad_request);
    let event = encode_payload(&[Packet::text(r#"42["message"]"#)], version);
    session.post_body(event).await.assert_error(400, bad_request);
    websocket.assert_alive().await;
}

async fn a_thousand_events_cross_the_upgrade_in_order(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let event = |number: usize| Packet::Text(format!(r#"42["message",{number}]"#));
    let mut answers = VecDeque::new();

    let mut poll = Connection::open(server.address).await;
    let target = session.target();
    let polls = tokio::spawn(async move {
        let mut polled = Vec::new();
        loop {
            let response = poll.exchange(&Request::get(&target)).await;
            assert_eq!(response.status, 200, "{response:?}");
            let packets = crate::client::decode_payload(&response.body, false, version);
            polled.extend(packets.iter().filter(|packet| **packet != Packet::text("6")).cloned());
            // The noop is the word to stop: the client's polling is paused.
            if packets.contains(&Packet::text("6")) {
                return polled;
            }
        }
    });
    for batch in 0..25 {
        session.post(&(batch * 10..batch * 10 + 10).map(event).collect::<Vec<_>>()).await;
    }
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_text("2probe").await;
    for batch in 25..50 {
        session.post(&(batch * 10..batch * 10 + 10).map(event).collect::<Vec<_>>()).await;
    }
    assert_eq!(websocket.text().await, "3probe");
    answers.extend(polls.await.expect("the polls succeed"));
    websocket.send_text("5").await;
    websocket.send_packets(&(500..1_000).map(event).collect::<Vec<_>>()).await;
    while answers.len() < 1_000 {
        answers.push_back(websocket.packet().await);
    }
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &Packet::Text(format!(r#"42["message-back",{number}]"#)));
    }
    websocket.assert_alive().await;
}

async fn a_session_ends_with_its_websocket(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let mut websocket = WebSocket::probe(server.address, version, &session.sid).await;
    websocket.send_packets(&[Packet::text("2probe"), Packet::text("5")]).await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.assert_alive().await;
    drop(websocket);
    loop {
        let response = fetch(server.address, &Request::get(&session.target())).await;
        if response.is_unknown_session() {
            break;
        }
        response.assert_error(400, r#"{"code":3,"message":"Bad request"}"#);
    }
}

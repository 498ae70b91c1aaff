//! The cycle of polls and posts (D1).

use crate::client::{Connection, Packet, Polling, Request, Version, encode_payload, fetch};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::server;

in_both_versions![
    a_post_is_answered_ok,
    a_poll_waits_for_an_event,
    a_poll_takes_everything_that_waits,
    packets_of_one_post_are_answered_in_order,
    binary_is_echoed,
    binary_is_base64_where_the_client_asks_for_it,
    a_session_needs_no_particular_connection,
    an_old_internet_explorer_is_told_not_to_filter,
    packets_which_mean_nothing_to_a_server_are_ignored,
];

async fn a_post_is_answered_ok(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let event = [Packet::text(r#"42["message"]"#)];
    let response = session.post_body(encode_payload(&event, version)).await;
    assert_eq!(response.status_line, "HTTP/1.1 200 OK");
    assert_eq!(response.text(), "ok");
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("content-length"), Some("2"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

async fn a_poll_waits_for_an_event(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.park().await;
    session.post_text(r#"42["message","now"]"#).await;
    assert_eq!(session.parked_packets().await, [Packet::text(r#"42["message-back","now"]"#)]);
}

async fn a_poll_takes_everything_that_waits(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for number in 0..3 {
        session.post_text(&format!(r#"42["message",{number}]"#)).await;
    }
    session.post_text(r#"42["message","last"]"#).await;
    session.settle().await;
    let packets = session.poll().await;
    assert_eq!(
        packets,
        [
            Packet::text(r#"42["message-back",0]"#),
            Packet::text(r#"42["message-back",1]"#),
            Packet::text(r#"42["message-back",2]"#),
            Packet::text(r#"42["message-back","last"]"#),
        ]
    );
}

async fn packets_of_one_post_are_answered_in_order(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let events = (0..200).map(|number| Packet::Text(format!(r#"42["message",{number}]"#)));
    session.post(&events.collect::<Vec<_>>()).await;
    let mut answers = Vec::new();
    while answers.len() < 200 {
        answers.extend(session.poll().await);
    }
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &Packet::Text(format!(r#"42["message-back",{number}]"#)));
    }
}

async fn binary_is_echoed(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let data: Vec<u8> = (0..=255).collect();
    session.park().await;
    session
        .post(&[
            Packet::text(r#"451-["message",{"_placeholder":true,"num":0}]"#),
            Packet::binary(data.clone()),
        ])
        .await;
    let mut answer = session.parked_packets().await;
    while answer.len() < 2 {
        answer.extend(session.poll().await);
    }
    let event = Packet::text(r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(answer, [event, Packet::binary(data)]);
}

async fn binary_is_base64_where_the_client_asks_for_it(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open_with(server.address, version, "&b64=1").await;
    session.join().await;
    session
        .post(&[Packet::text(r#"451-["message",{"_placeholder":true,"num":0}]"#), Packet::binary([1, 2, 3])])
        .await;
    session.settle().await;
    let response = session.poll_response().await;
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    let event = r#"451-["message-back",{"_placeholder":true,"num":0}]"#;
    let payload = match version {
        Version::Three => format!("{}:{event}6:b4AQID", event.len()),
        Version::Four => format!("{event}\x1ebAQID"),
    };
    assert_eq!(response.text(), payload);
}

async fn a_session_needs_no_particular_connection(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for number in 0..3 {
        let event = encode_payload(&[Packet::Text(format!(r#"42["message",{number}]"#))], version);
        let response = fetch(server.address, &Request::post(&session.target(), event)).await;
        assert_eq!(response.text(), "ok");
        let mut connection = Connection::open(server.address).await;
        let response = connection.exchange(&Request::get(&session.target())).await;
        let answer = encode_payload(&[Packet::Text(format!(r#"42["message-back",{number}]"#))], version);
        assert_eq!(response.text(), answer);
    }
}

async fn an_old_internet_explorer_is_told_not_to_filter(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(crate::client::Transport::Polling);
    for (agent, filter) in [
        ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", Some("0")),
        ("Mozilla/5.0 (compatible;MSIE 9.0; Windows NT 6.1)", Some("0")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", None),
    ] {
        let response = fetch(server.address, &Request::get(&target).header("User-Agent", agent)).await;
        assert_eq!(response.header("x-xss-protection"), filter, "{agent}");
    }
}

/// Neither of them is an error of the client's: a pong that comes twice, a packet of the other side.
async fn packets_which_mean_nothing_to_a_server_are_ignored(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    session.post_text("6").await;
    if version == Version::Four {
        session.post(&[Packet::text("3"), Packet::text("3")]).await;
        session.post_text("3").await;
    }
    session.assert_alive().await;
}

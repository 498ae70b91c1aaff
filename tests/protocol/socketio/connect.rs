//! CONNECT in Socket.IO 5, and what both versions have in common (D18, D38, D40).

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::client::{Link, Packet, Polling, Request, Version, Way, fetch};
use crate::matrix::{in_both_ways_of_engine_io_4, in_every_way};
use crate::options::Options;
use crate::support::{reference, server};

in_both_ways_of_engine_io_4![
    the_root_is_joined_on_demand,
    the_reply_has_a_session_id_and_nothing_else,
    a_payload_is_the_handshake_auth,
    a_namespace_may_be_joined_without_the_root,
    a_namespace_may_come_without_its_comma,
    the_socket_id_is_not_the_session_id,
    every_namespace_has_a_socket_id_of_its_own,
    a_second_connect_closes_the_connection,
    a_second_connect_while_the_first_is_accepted_closes_the_connection,
    two_connects_at_once_close_the_connection,
    an_event_right_behind_the_connect_is_answered,
    events_wait_until_the_client_is_accepted,
];

async fn the_root_is_joined_on_demand(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.send("40").await;
    socket_id(&link.text().await, "/");
    assert_eq!(link.text().await, r#"42["auth",{}]"#);
    link.assert_alive().await;
}

async fn the_reply_has_a_session_id_and_nothing_else(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.send("40").await;
    let reply = link.text().await;
    assert_eq!(reply, format!(r#"40{{"sid":"{}"}}"#, socket_id(&reply, "/")));
    assert_eq!(link.text().await, r#"42["auth",{}]"#);
    link.send("40/custom,").await;
    let reply = link.text().await;
    assert_eq!(reply, format!(r#"40/custom,{{"sid":"{}"}}"#, socket_id(&reply, "/custom")));
}

async fn a_payload_is_the_handshake_auth(way: Way) {
    let server = server(Options::default()).await;
    for auth in [r#"{"token":"123"}"#, "{}", r#"{"é":["😀",{"deep":[null,true,1.5]}]}"#] {
        let mut link = Link::open(server.address, way).await;
        link.send(&format!("40{auth}")).await;
        socket_id(&link.text().await, "/");
        assert_eq!(link.text().await, format!(r#"42["auth",{auth}]"#));
        link.send(&format!("40/custom,{auth}")).await;
        socket_id(&link.text().await, "/custom");
        assert_eq!(link.text().await, format!(r#"42/custom,["auth",{auth}]"#));
    }
}

async fn a_namespace_may_be_joined_without_the_root(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.join("/custom").await;
    link.send(r#"42/custom,["message",1]"#).await;
    assert_eq!(link.text().await, r#"42/custom,["message-back",1]"#);
}

async fn a_namespace_may_come_without_its_comma(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.send("40/custom").await;
    socket_id(&link.text().await, "/custom");
    assert_eq!(link.text().await, r#"42/custom,["auth",{}]"#);
}

async fn the_socket_id_is_not_the_session_id(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.send("40").await;
    let id = socket_id(&link.text().await, "/");
    assert_eq!(link.text().await, r#"42["auth",{}]"#);
    link.send(r#"421["id"]"#).await;
    assert_eq!(link.text().await, format!(r#"431["{id}"]"#));
    // Who knows a peer's id still cannot read what it is sent.
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={id}");
    let response = fetch(server.address, &Request::get(&target)).await;
    assert!(response.is_unknown_session(), "{response:?}");
    link.assert_alive().await;
}

async fn every_namespace_has_a_socket_id_of_its_own(way: Way) {
    let server = server(Options::default()).await;
    let mut ids = HashSet::new();
    for _ in 0..3 {
        let mut link = Link::open(server.address, way).await;
        for (connect, namespace) in [("40", "/"), ("40/custom,", "/custom")] {
            link.send(connect).await;
            assert!(ids.insert(socket_id(&link.text().await, namespace)), "an id twice");
            link.text().await;
        }
    }
}

async fn a_second_connect_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    let link = Link::joined(server.address, way).await;
    link.assert_closed_by(&[Packet::text("40")]).await;
    let link = Link::joined_to(server.address, way, "/custom").await;
    link.assert_closed_by(&[Packet::text("40/custom,")]).await;
}

/// The reference looks only at those it has accepted, and lets the second one in.
async fn a_second_connect_while_the_first_is_accepted_closes_the_connection(way: Way) {
    if reference() {
        return;
    }
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("40/slow,").await;
    link.assert_closed_by(&[Packet::text("40/slow,")]).await;
}

/// The same, with no time at all between them.
async fn two_connects_at_once_close_the_connection(way: Way) {
    if reference() {
        return;
    }
    let server = server(Options::default()).await;
    let link = Link::joined(server.address, way).await;
    link.assert_closed_by(&[Packet::text("40/slow,"), Packet::text("40/slow,")]).await;
}

/// No event is lost between the CONNECT and the handlers; the reference closes the connection.
async fn an_event_right_behind_the_connect_is_answered(way: Way) {
    if reference() {
        return;
    }
    let server = server(Options::default()).await;
    for _ in 0..20 {
        let mut link = Link::open(server.address, way).await;
        link.send_all(&[Packet::text("40"), Packet::text(r#"42["message","early"]"#)]).await;
        socket_id(&link.text().await, "/");
        assert_eq!(link.text().await, r#"42["auth",{}]"#);
        assert_eq!(link.text().await, r#"42["message-back","early"]"#);
    }
}

/// The reference closes the connection of a client that does not wait for the reply.
async fn events_wait_until_the_client_is_accepted(way: Way) {
    if reference() {
        return;
    }
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.send("40/slow,").await;
    for number in 0..3 {
        link.send(&format!(r#"42/slow,["message",{number}]"#)).await;
    }
    socket_id(&link.text().await, "/slow");
    assert_eq!(link.text().await, r#"42/slow,["auth",{}]"#);
    for number in 0..3 {
        assert_eq!(link.text().await, format!(r#"42/slow,["message-back",{number}]"#));
    }
}

in_every_way![namespaces_share_a_connection, one_slow_namespace_does_not_hold_up_the_others];

async fn namespaces_share_a_connection(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send(r#"42["message","root"]"#).await;
    assert_eq!(link.text().await, r#"42["message-back","root"]"#);
    link.send(r#"42/custom,["message","custom"]"#).await;
    assert_eq!(link.text().await, r#"42/custom,["message-back","custom"]"#);
    link.send(r#"42/custom,7["message-with-ack"]"#).await;
    assert_eq!(link.text().await, "43/custom,7[]");
}

async fn one_slow_namespace_does_not_hold_up_the_others(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("40/slow,").await;
    link.assert_alive().await;
    assert!(link.text().await.starts_with("40/slow,"));
}

#[tokio::test]
async fn a_polling_session_is_not_a_peers_to_read() {
    let server = server(Options::default()).await;
    let ids = peers(server.address).await;
    for id in &ids {
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={id}");
        let response = fetch(server.address, &Request::post(&target, r#"42["quit"]"#)).await;
        assert!(response.is_unknown_session(), "{response:?}");
    }
}

/// The socket ids of two clients.
async fn peers(address: SocketAddr) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut session = Polling::open(address, Version::Four).await;
        session.post_text("40").await;
        match session.poll().await.swap_remove(0) {
            Packet::Text(reply) => ids.push(socket_id(&reply, "/")),
            binary @ Packet::Binary(_) => panic!("expected a CONNECT packet: {binary:?}"),
        }
    }
    ids
}

/// The id in a reply to CONNECT, 20 characters that are safe in a URL.
fn socket_id(reply: &str, namespace: &str) -> String {
    let prefix = if namespace == "/" { "40".to_owned() } else { format!("40{namespace},") };
    let json = reply.strip_prefix(&prefix).unwrap_or_else(|| panic!("{reply}"));
    let id = json.strip_prefix(r#"{"sid":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    let id = id.unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(id.len(), 20, "{id}");
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'), "{id}");
    id.to_owned()
}

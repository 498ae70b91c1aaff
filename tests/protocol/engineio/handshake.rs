//! The first request of a session (D1, D2, D4, D34, D37, D40).

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::client::{
    Packet, Polling, Request, Response, Transport, Version, WebSocket, decode_payload, fetch,
};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::server;

in_both_versions![
    a_polling_handshake_has_five_keys_in_order,
    a_websocket_handshake_has_five_keys_and_offers_no_upgrade,
    a_server_without_websocket_offers_no_upgrade,
    session_ids_are_twenty_url_safe_characters,
    an_empty_session_id_counts_as_none,
    the_last_of_doubled_query_keys_counts,
    unknown_query_keys_are_ignored,
    query_values_are_percent_decoded,
    the_cookie_is_set_by_the_polling_handshake_alone,
];

async fn a_polling_handshake_has_five_keys_in_order(version: Version) {
    let options = Options { max_payload: 1234, ..Options::quick_heartbeat() };
    let server = server(options).await;
    let response = handshake(server.address, &version.target(Transport::Polling)).await;
    assert_eq!(response.status_line, "HTTP/1.1 200 OK");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("content-length"), Some(response.body.len().to_string().as_str()));
    assert_eq!(response.header("set-cookie"), None);
    let (open, sid) = open_packet(&response, version);
    let json = format!(
        r#"{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1234}}"#
    );
    assert_eq!(open, format!("0{json}"));
}

async fn a_websocket_handshake_has_five_keys_and_offers_no_upgrade(version: Version) {
    let server = server(Options::default()).await;
    let mut websocket = WebSocket::connect(server.address, version, "").await;
    let open = websocket.text().await;
    let sid = sid(&open);
    let json = format!(
        r#"{{"sid":"{sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
    );
    assert_eq!(open, format!("0{json}"));
}

async fn a_server_without_websocket_offers_no_upgrade(version: Version) {
    let server = server(Options { transports: &["polling"], ..Options::default() }).await;
    let response = handshake(server.address, &version.target(Transport::Polling)).await;
    let (open, _) = open_packet(&response, version);
    assert!(open.contains(r#","upgrades":[],"#), "{open}");
}

async fn session_ids_are_twenty_url_safe_characters(version: Version) {
    let server = server(Options::default()).await;
    let mut sids = HashSet::new();
    for _ in 0..20 {
        let sid = Polling::open(server.address, version).await.sid;
        assert_eq!(sid.len(), 20, "{sid}");
        assert!(
            sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'),
            "{sid}"
        );
        assert!(sids.insert(sid), "an id twice");
    }
}

async fn an_empty_session_id_counts_as_none(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(Transport::Polling) + "&sid=";
    open_packet(&handshake(server.address, &target).await, version);
}

async fn the_last_of_doubled_query_keys_counts(version: Version) {
    let server = server(Options::default()).await;
    let target = format!("/socket.io/?EIO=9&EIO={}&transport=websocket&transport=polling", version.eio());
    let (_, sid) = open_packet(&handshake(server.address, &target).await, version);
    let response = fetch(server.address, &Request::post(&format!("{target}&sid=nobody&sid={sid}"), "")).await;
    assert!(!response.is_unknown_session(), "{response:?}");
    let response = fetch(server.address, &Request::post(&format!("{target}&sid={sid}&sid=nobody"), "")).await;
    assert!(response.is_unknown_session(), "{response:?}");
}

async fn unknown_query_keys_are_ignored(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(Transport::Polling) + "&t=PPQ3yqq&token=a%26b&=&&flag&x=%zz&%ff";
    open_packet(&handshake(server.address, &target).await, version);
}

async fn query_values_are_percent_decoded(version: Version) {
    let server = server(Options::default()).await;
    let target = format!("/socket.io/?%45IO=%3{}&transport=%70ollin%67", version.eio());
    open_packet(&handshake(server.address, &target).await, version);
}

async fn the_cookie_is_set_by_the_polling_handshake_alone(version: Version) {
    let server = server(Options { cookie: true, ..Options::default() }).await;
    let target = version.target(Transport::Polling);
    let response = handshake(server.address, &target).await;
    let (_, sid) = open_packet(&response, version);
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(response.header("set-cookie"), Some(cookie.as_str()));

    let request =
        Request::post(&format!("{target}&sid={sid}"), if version == Version::Four { "40" } else { "1:6" });
    let response = fetch(server.address, &request).await;
    assert_eq!((response.status, response.header("set-cookie")), (200, None), "{response:?}");
    let response = fetch(server.address, &Request::get(&format!("{target}&sid={sid}"))).await;
    assert_eq!((response.status, response.header("set-cookie")), (200, None), "{response:?}");

    let websocket = WebSocket::connect(server.address, version, "").await;
    assert_eq!(websocket.response.header("set-cookie"), None);
}

#[tokio::test]
async fn a_request_without_a_version_is_one_of_version_3() {
    let server = server(Options::default()).await;
    let response = handshake(server.address, "/socket.io/?transport=polling").await;
    open_packet(&response, Version::Three);
}

async fn handshake(address: SocketAddr, target: &str) -> Response {
    fetch(address, &Request::get(target)).await
}

/// The OPEN packet in a response, and the session id in it.
fn open_packet(response: &Response, version: Version) -> (String, String) {
    assert_eq!(response.status, 200, "{response:?}");
    match decode_payload(&response.body, false, version).swap_remove(0) {
        Packet::Text(open) => {
            let sid = sid(&open);
            (open, sid)
        }
        binary @ Packet::Binary(_) => panic!("expected an OPEN packet: {binary:?}"),
    }
}

/// The session id in an OPEN packet, which begins with it.
fn sid(open: &str) -> String {
    let rest = open.strip_prefix(r#"0{"sid":""#).expect("an OPEN packet");
    rest.split('"').next().expect("a session id").to_owned()
}

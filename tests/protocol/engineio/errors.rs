//! The six errors, byte for byte (D4, D31, D37, D38).

use std::net::SocketAddr;

use crate::client::{Polling, Request, Response, Transport, Version, WebSocket, fetch};
use crate::matrix::in_both_versions;
use crate::options::Options;
use crate::support::{reference, server};

const TRANSPORT_UNKNOWN: &str = r#"{"code":0,"message":"Transport unknown"}"#;
const SESSION_ID_UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_HANDSHAKE_METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const FORBIDDEN: &str = r#"{"code":4,"message":"Forbidden"}"#;
const UNSUPPORTED_PROTOCOL_VERSION: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;

in_both_versions![
    an_unknown_transport_is_code_0,
    a_transport_which_is_switched_off_is_code_0,
    an_unknown_session_is_code_1,
    a_handshake_by_another_method_than_get_is_code_2,
    a_websocket_transport_without_an_upgrade_is_code_3,
    another_version_in_a_session_is_code_3,
    a_refused_handshake_is_code_4,
    another_method_in_a_session_is_an_internal_error,
    a_control_character_in_the_origin_is_a_bad_request,
    a_websocket_error_is_plain_text_before_the_upgrade,
    a_websocket_of_another_version_leaves_the_session_alone,
];

async fn an_unknown_transport_is_code_0(version: Version) {
    let server = server(Options::default()).await;
    let query = format!("/socket.io/?EIO={}", version.eio());
    for transport in [
        "",
        "&transport=",
        "&transport",
        "&transport=abc",
        "&transport=Polling",
        "&transport=polling%20",
        "&transport=webtransport",
        "&transport=__proto__",
        "&transport=constructor",
        "&transport=polling&transport=tube",
    ] {
        get(server.address, &format!("{query}{transport}")).await.assert_error(400, TRANSPORT_UNKNOWN);
    }
    // The transport is looked at first.
    get(server.address, &format!("{query}&transport=abc&sid=nobody"))
        .await
        .assert_error(400, TRANSPORT_UNKNOWN);
    let put = Request::new("PUT", &format!("{query}&transport=abc"));
    fetch(server.address, &put).await.assert_error(400, TRANSPORT_UNKNOWN);
}

async fn a_transport_which_is_switched_off_is_code_0(version: Version) {
    let server = server(Options { transports: &["websocket"], ..Options::default() }).await;
    get(server.address, &version.target(Transport::Polling)).await.assert_error(400, TRANSPORT_UNKNOWN);
    WebSocket::open(server.address, version).await;
}

async fn an_unknown_session_is_code_1(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(Transport::Polling);
    for sid in ["abc", "__proto__", "constructor", "%00", "%F0%9F%98%80", &"a".repeat(5_000)] {
        let target = format!("{target}&sid={sid}");
        get(server.address, &target).await.assert_error(400, SESSION_ID_UNKNOWN);
        fetch(server.address, &Request::post(&target, "40")).await.assert_error(400, SESSION_ID_UNKNOWN);
        let put = Request::new("PUT", &target);
        fetch(server.address, &put).await.assert_error(400, SESSION_ID_UNKNOWN);
    }
}

async fn a_handshake_by_another_method_than_get_is_code_2(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(Transport::Polling);
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH"] {
        fetch(server.address, &Request::new(method, &target)).await.assert_error(400, BAD_HANDSHAKE_METHOD);
    }
    fetch(server.address, &Request::post(&target, "40")).await.assert_error(400, BAD_HANDSHAKE_METHOD);
}

async fn a_websocket_transport_without_an_upgrade_is_code_3(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(Transport::WebSocket);
    get(server.address, &target).await.assert_error(400, BAD_REQUEST);

    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    get(server.address, &format!("{target}&sid={}", session.sid)).await.assert_error(400, BAD_REQUEST);
    session.assert_alive().await;
}

async fn another_version_in_a_session_is_code_3(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let other = if version == Version::Four { "EIO=3" } else { "EIO=4" };
    let target = session.target().replace(&format!("EIO={}", version.eio()), other);
    get(server.address, &target).await.assert_error(400, BAD_REQUEST);
    fetch(server.address, &Request::post(&target, "2")).await.assert_error(400, BAD_REQUEST);
    session.assert_alive().await;
}

async fn a_refused_handshake_is_code_4(version: Version) {
    let server = server(Options { allow_request: false, ..Options::default() }).await;
    get(server.address, &version.target(Transport::Polling)).await.assert_error(403, FORBIDDEN);
    let response = upgrade(server.address, version, &version.target(Transport::WebSocket)).await;
    assert_refused(&response, "Forbidden");
}

#[tokio::test]
async fn an_old_version_which_is_not_allowed_is_code_5() {
    let server = server(Options { allow_eio3: false, ..Options::default() }).await;
    for version in ["", "EIO=&", "EIO=3&", "EIO=2&", "EIO=5&", "EIO=40&", "EIO=04&", "EIO=four&"] {
        let target = format!("/socket.io/?{version}transport=polling");
        get(server.address, &target).await.assert_error(400, UNSUPPORTED_PROTOCOL_VERSION);
    }
    Polling::open(server.address, Version::Four).await;
    if reference() {
        // The reference writes its HTTP error into the WebSocket it has just opened.
        return;
    }
    let target = Version::Three.target(Transport::WebSocket);
    let response = upgrade(server.address, Version::Three, &target).await;
    assert_refused(&response, "Unsupported protocol version");
}

async fn another_method_in_a_session_is_an_internal_error(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH"] {
        let response = fetch(server.address, &Request::new(method, &session.target())).await;
        assert_eq!((response.status, response.text()), (500, ""), "{method}");
    }
    session.assert_alive().await;
}

async fn a_control_character_in_the_origin_is_a_bad_request(version: Version) {
    let server = server(Options::default()).await;
    let request = Request::get(&version.target(Transport::Polling)).header("Origin", "http://a\u{1}b");
    assert_eq!(fetch(server.address, &request).await.status, 400);
}

async fn a_websocket_error_is_plain_text_before_the_upgrade(version: Version) {
    let server = server(Options::default()).await;
    let target = version.target(Transport::WebSocket);
    for (target, message) in [
        (target.replace("websocket", "abc"), "Transport unknown"),
        (target.replace("websocket", "__proto__"), "Transport unknown"),
        (format!("{target}&sid=abc"), "Session ID unknown"),
        (format!("{target}&sid=__proto__"), "Session ID unknown"),
    ] {
        let response = upgrade(server.address, version, &target).await;
        assert_refused(&response, message);
    }
}

async fn a_websocket_of_another_version_leaves_the_session_alone(version: Version) {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, version).await;
    session.join().await;
    let other = if version == Version::Four { Version::Three } else { Version::Four };
    let target = format!("{}&sid={}", other.target(Transport::WebSocket), session.sid);
    let response = upgrade(server.address, other, &target).await;
    assert_refused(&response, "Bad request");
    session.assert_alive().await;
}

async fn get(address: SocketAddr, target: &str) -> Response {
    fetch(address, &Request::get(target)).await
}

async fn upgrade(address: SocketAddr, version: Version, target: &str) -> Response {
    let attempt = WebSocket::attempt(address, version, &WebSocket::request(target)).await;
    attempt.expect_err("the upgrade is refused")
}

/// Asserts everything a client sees of an error over WebSocket.
fn assert_refused(response: &Response, message: &str) {
    assert_eq!(response.status_line, "HTTP/1.1 400 Bad Request");
    assert_eq!(response.text(), message);
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(response.header("content-length"), Some(message.len().to_string().as_str()));
}

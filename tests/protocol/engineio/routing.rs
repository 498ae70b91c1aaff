//! Which requests are ours (A1, D33).

use crate::client::{Request, Transport, Version, WebSocket, fetch};
use crate::options::Options;
use crate::support::{reference, server};

#[tokio::test]
async fn requests_for_other_paths_reach_the_inner_service() {
    let server = server(Options::default()).await;
    for path in ["/", "/socket.iox/", "/socket.iox", "/socket.i", "/socket", "/x/socket.io/", "/Socket.IO/"] {
        let response = fetch(server.address, &Request::get(&format!("{path}?EIO=4&transport=polling"))).await;
        assert_eq!((response.status, response.text()), (200, "inner"), "{path}");
    }
}

#[tokio::test]
async fn a_body_for_another_path_reaches_the_inner_service() {
    let server = server(Options { max_payload: 10, ..Options::default() }).await;
    let response = fetch(server.address, &Request::post("/upload", vec![b'x'; 1000])).await;
    assert_eq!((response.status, response.text()), (200, "inner"));
}

#[tokio::test]
async fn the_path_can_be_another_one() {
    let server = server(Options { path: "/nested/x", ..Options::default() }).await;
    let response = fetch(server.address, &Request::get("/nested/x/?EIO=4&transport=polling")).await;
    assert!(response.text().starts_with(r#"0{"sid":"#), "{response:?}");
    let response = fetch(server.address, &Request::get("/socket.io/?EIO=4&transport=polling")).await;
    assert_eq!(response.text(), "inner");
    let request = WebSocket::request("/nested/x/?EIO=4&transport=websocket");
    assert!(WebSocket::attempt(server.address, Version::Four, &request).await.is_ok());
}

#[tokio::test]
async fn the_slash_after_the_path_may_be_missing() {
    let server = server(Options::default()).await;
    let target = Version::Four.target(Transport::Polling).replace("/?", "?");
    let response = fetch(server.address, &Request::get(&target)).await;
    // The reference wants the slash unless `addTrailingSlash` is off.
    let expected = if reference() { "inner" } else { r#"0{"sid":""# };
    assert!(response.text().starts_with(expected), "{response:?}");
}

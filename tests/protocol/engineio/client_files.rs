//! The files of the client package (G12).

use std::net::SocketAddr;

use crate::client::{Request, Response, fetch};
use crate::options::Options;
use crate::support::server;

const FILES: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

#[tokio::test]
async fn every_file_is_served_with_its_type_and_version() {
    let server = server(Options { serve_client: true, ..Options::default() }).await;
    for file in FILES {
        let response = get(server.address, file).await;
        assert_eq!(response.status, 200, "{file}");
        assert!(!response.body.is_empty(), "{file}");
        let kind = if file.ends_with(".map") { "application/json" } else { "application/javascript" };
        let content_type = format!("{kind}; charset=utf-8");
        assert_eq!(response.header("content-type"), Some(content_type.as_str()), "{file}");
        assert_eq!(response.header("cache-control"), Some("public, max-age=0"), "{file}");
        let tag = response.header("etag").expect("an entity tag");
        let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).expect("a strong tag");
        assert_eq!(version.split('.').count(), 3, "the version of the package: {version}");
    }
}

#[tokio::test]
async fn a_file_the_client_has_is_not_sent_again() {
    let server = server(Options { serve_client: true, ..Options::default() }).await;
    for file in FILES {
        let tag = get(server.address, file).await.header("etag").expect("an entity tag").to_owned();
        for known in [tag.clone(), format!("W/{tag}")] {
            let request = Request::get(&format!("/socket.io/{file}")).header("If-None-Match", known);
            let response = fetch(server.address, &request).await;
            assert_eq!((response.status, response.text()), (304, ""), "{file}");
        }
        let request = Request::get(&format!("/socket.io/{file}")).header("If-None-Match", "\"0.0.0\"");
        assert_eq!(fetch(server.address, &request).await.status, 200, "{file}");
    }
}

#[tokio::test]
async fn a_query_changes_nothing_about_a_file() {
    let server = server(Options { serve_client: true, ..Options::default() }).await;
    let plain = get(server.address, "socket.io.js").await;
    assert_eq!(get(server.address, "socket.io.js?v=1").await.body, plain.body);
}

#[tokio::test]
async fn no_other_file_is_served() {
    let server = server(Options { serve_client: true, ..Options::default() }).await;
    for file in ["package.json", "socket.io.mjs", "../package.json", "%2e%2e/package.json", "socket.io.js/"] {
        assert_no_file(&get(server.address, file).await);
    }
}

#[tokio::test]
async fn no_file_is_served_unless_asked_for() {
    let server = server(Options::default()).await;
    for file in FILES {
        assert_no_file(&get(server.address, file).await);
    }
}

async fn get(address: SocketAddr, file: &str) -> Response {
    fetch(address, &Request::get(&format!("/socket.io/{file}"))).await
}

/// A request for no file of ours is a bad handshake, unknown, or the inner service's.
fn assert_no_file(response: &Response) {
    assert!(response.status == 400 || response.status == 404 || response.text() == "inner", "{response:?}");
}

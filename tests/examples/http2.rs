use bytes::Bytes;
use http::{Method, Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::server::PATH;

/// Opens a stream by an extended CONNECT (RFC 8441) and gives it as bytes.
pub(crate) async fn open_websocket(sender: &mut h2::client::SendRequest<Bytes>) -> DuplexStream {
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://localhost{PATH}"))
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let (response, mut to_server) = sender.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut from_server = response.into_body();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (mut reading, mut writing) = tokio::io::split(theirs);
    tokio::spawn(async move {
        while let Some(Ok(data)) = from_server.data().await {
            from_server.flow_control().release_capacity(data.len()).unwrap();
            writing.write_all(&data).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut data = Vec::new();
        while reading.read_buf(&mut data).await.is_ok_and(|read| read > 0) {
            to_server.send_data(std::mem::take(&mut data).into(), false).unwrap();
        }
    });
    ours
}

/// One request over HTTP/2, answered 200.
#[cfg(feature = "axum")]
pub(crate) async fn fetch(
    sender: &mut h2::client::SendRequest<Bytes>,
    method: &str,
    path: &str,
    body: &'static str,
) -> String {
    let request = Request::builder().method(method).uri(format!("http://localhost{path}")).body(()).unwrap();
    let (response, mut to_server) = sender.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        to_server.send_data(body.into(), true).unwrap();
    }
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (mut from_server, mut text) = (response.into_body(), Vec::new());
    while let Some(data) = from_server.data().await {
        text.extend_from_slice(&data.unwrap());
    }
    String::from_utf8(text).unwrap()
}

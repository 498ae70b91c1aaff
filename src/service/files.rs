use std::path::PathBuf;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

/// The files of npm's `socket.io/client-dist`, by the names that Node serves them under.
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

/// The file of this name: no other path ever reaches the file system.
pub(super) fn find(rest: &str) -> Option<&'static str> {
    let name = rest.strip_prefix('/')?;
    FILES.into_iter().find(|file| *file == name)
}

/// Answers with a file of the client.
pub(super) async fn serve(directory: PathBuf, file: &'static str, parts: Parts) -> Response<Bytes> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return status(StatusCode::METHOD_NOT_ALLOWED);
    }
    let read = tokio::task::spawn_blocking(move || {
        let bytes = std::fs::read(directory.join(file))?;
        let package = std::fs::read(directory.join("../package.json")).unwrap_or_default();
        std::io::Result::Ok((bytes, etag(&package)))
    });
    let Ok(Ok((bytes, etag))) = read.await else {
        tracing::warn!(target: "socketio::http", file, "the client's file cannot be read");
        return status(StatusCode::NOT_FOUND);
    };
    let known = parts.headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    if let Some(etag) = &etag
        && known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
    {
        return status(StatusCode::NOT_MODIFIED);
    }
    let content = if file.ends_with(".map") {
        "application/json; charset=utf-8"
    } else {
        "application/javascript; charset=utf-8"
    };
    let mut response = Response::new(Bytes::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
    if let Some(Ok(etag)) = etag.map(HeaderValue::try_from) {
        headers.insert(ETAG, etag);
    }
    response
}

/// The package's version in quotes, as Node's.
fn etag(package: &[u8]) -> Option<String> {
    let package: serde_json::Value = serde_json::from_slice(package).ok()?;
    Some(format!("\"{}\"", package.get("version")?.as_str()?))
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

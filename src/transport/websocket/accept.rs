use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use hyper::ext::Protocol;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Whether a request asks for a WebSocket, by upgrade (RFC 6455 §4.1) or by extended CONNECT (RFC 8441 §4).
pub(crate) fn is_websocket(parts: &Parts) -> bool {
    if parts.version == Version::HTTP_2 {
        return parts.method == Method::CONNECT
            && parts.extensions.get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket");
    }
    has_token(&parts.headers, UPGRADE, "websocket")
}

/// The response that accepts a WebSocket and chooses one of these subprotocols, or `None` if the request is not a valid
/// one.
pub(crate) fn accept(parts: &Parts, subprotocols: &[String]) -> Option<Response<()>> {
    let headers = &parts.headers;
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return None;
    }
    let mut response = Response::new(());
    if let Some(chosen) = choose(headers, subprotocols) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(chosen).ok()?);
    }
    if parts.version == Version::HTTP_2 {
        return Some(response);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    // RFC 6455 §4.2.1: 16 bytes in base64.
    let valid = STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    if !valid || parts.method != Method::GET || !has_token(headers, CONNECTION, "upgrade") {
        return None;
    }
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Some(response)
}

/// The first subprotocol of the client that is ours as well; its case matters.
fn choose<'a>(headers: &HeaderMap, ours: &'a [String]) -> Option<&'a str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let mut offers = values.flat_map(|value| value.split(',')).map(str::trim);
    offers.find_map(|offer| ours.iter().find(|name| *name == offer)).map(String::as_str)
}

fn has_token(headers: &HeaderMap, name: http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

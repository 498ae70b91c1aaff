use bytes::Bytes;
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
pub(crate) fn accept(parts: &Parts, subprotocols: &[String]) -> Option<Response<Bytes>> {
    let headers = &parts.headers;
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return None;
    }
    let mut response = Response::new(Bytes::new());
    if let Some(chosen) = choose(headers, subprotocols) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(chosen).ok()?);
    }
    if parts.version == Version::HTTP_2 {
        return Some(response);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    if !is_nonce(key.as_bytes()) || parts.method != Method::GET || !has_token(headers, CONNECTION, "upgrade")
    {
        return None;
    }
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, const { HeaderValue::from_static("Upgrade") });
    headers.insert(UPGRADE, const { HeaderValue::from_static("websocket") });
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Some(response)
}

/// The first subprotocol of the client that is ours as well; its case matters.
fn choose<'a>(headers: &HeaderMap, ours: &'a [String]) -> Option<&'a str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let mut offers = values.flat_map(|value| value.split(',')).map(str::trim);
    offers.find_map(|offer| ours.iter().find(|name| *name == offer)).map(String::as_str)
}

/// Whether this is 16 bytes in base64 (RFC 6455 §4.2.1).
fn is_nonce(key: &[u8]) -> bool {
    let [digits @ .., b'=', b'='] = key else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    // Only two bits of the last digit are the nonce's.
    digits.len() == 22
        && digits.iter().all(is_digit)
        && digits.last().is_some_and(|last| matches!(last, b'A' | b'Q' | b'g' | b'w'))
}

fn has_token(headers: &HeaderMap, name: http::HeaderName, token: &str) -> bool {
    let is_it = |part: &[u8]| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes());
    headers.get_all(name).into_iter().any(|value| {
        let value = value.as_bytes();
        is_it(value) || value.split(|byte| *byte == b',').any(is_it)
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_nonce_is_16_bytes_in_base64() {
        for length in 0..20u8 {
            for byte in [0, 0x55, 0xaa, 0xfe, 0xff] {
                let key = STANDARD.encode(vec![byte; length.into()]);
                assert_eq!(is_nonce(key.as_bytes()), length == 16, "{key}");
            }
        }
        for key in ["AAAAAAAAAAAAAAAAAAAAAB==", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAA-AAAAAAAAAAA==", "="] {
            assert!(!is_nonce(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn a_token_is_found_in_any_case_among_others() {
        let has = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|value| {
                headers.append(CONNECTION, HeaderValue::from_static(value));
            });
            has_token(&headers, CONNECTION, "upgrade")
        };
        assert!(has(&["Upgrade"]) && has(&["keep-alive, Upgrade"]) && has(&["close", " x ,\tUPGRADE ,"]));
        assert!(!has(&[]) && !has(&["upgraded"]) && !has(&["up grade"]) && !has(&["keep-alive"]));
    }
}

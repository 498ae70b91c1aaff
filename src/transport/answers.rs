use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use tower_socketio_proto::engineio::ContentType;

use super::handshake::TooMany;
use super::polling::Outcome;

/// The engine's errors, with Node's codes and words.
#[derive(Debug)]
pub(super) enum Refused {
    TransportUnknown,
    UnknownSid,
    BadMethod,
    BadRequest,
    Forbidden(String),
    UnsupportedVersion,
    TooMany,
}

impl From<TooMany> for Refused {
    fn from(_: TooMany) -> Self {
        Self::TooMany
    }
}

impl Refused {
    fn code(&self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::UnknownSid => 1,
            Self::BadMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden(_) => 4,
            Self::UnsupportedVersion => 5,
            Self::TooMany => 6,
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden(message) => message,
            Self::UnsupportedVersion => "Unsupported protocol version",
            Self::TooMany => "Too many connections",
        }
    }

    pub(super) fn response(&self, websocket: bool) -> Response<Bytes> {
        tracing::debug!(target: "socketio::engine", code = self.code(), message = self.message(), "refused");
        if let Self::TooMany = self {
            return closing(StatusCode::TOO_MANY_REQUESTS, self.message().to_owned());
        }
        if websocket {
            // Node answers a refused upgrade by hand: always 400, and the bare message.
            let mut response = answer(StatusCode::BAD_REQUEST, HTML, self.message().to_owned());
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        let status =
            if matches!(self, Self::Forbidden(_)) { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
        let body = format!(r#"{{"code":{},"message":{}}}"#, self.code(), json!(self.message()));
        answer(status, HeaderValue::from_static("application/json"), body)
    }
}

pub(super) fn going_away() -> Response<Bytes> {
    closing(StatusCode::SERVICE_UNAVAILABLE, "The server is going away")
}

fn closing(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = answer(status, HeaderValue::from_static("text/plain"), text);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Answers a request of a session that was opened before.
pub(super) fn of_session(outcome: Outcome) -> Result<Response<Bytes>, Refused> {
    Ok(match outcome {
        Outcome::Payload(content, payload) => payload_response(content, payload),
        Outcome::Ok => {
            let mut response = answer(StatusCode::OK, HTML, Bytes::from_static(b"ok"));
            response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
            response
        }
        Outcome::TooLarge => ending(StatusCode::PAYLOAD_TOO_LARGE),
        Outcome::Unknown => return Err(Refused::UnknownSid),
        Outcome::Mismatch => return Err(Refused::BadRequest),
        Outcome::Bad => ending(StatusCode::BAD_REQUEST),
    })
}

pub(super) fn payload_response(content: ContentType, payload: Bytes) -> Response<Bytes> {
    let content = match content {
        ContentType::Text => TEXT,
        ContentType::Binary => BINARY,
    };
    let mut response = answer(StatusCode::OK, content, payload);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

fn answer(status: StatusCode, content: HeaderValue, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = status_alone(status, body);
    response.headers_mut().insert(CONTENT_TYPE, content);
    response
}

/// What is left of the request's body is not read.
fn ending(status: StatusCode) -> Response<Bytes> {
    let mut response = status_alone(status, Bytes::new());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

pub(super) fn status_alone(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

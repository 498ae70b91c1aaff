use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, USER_AGENT, X_XSS_PROTECTION,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use serde_json::json;
use tower_socketio_proto::engineio::{ContentType, Input, Version};

use super::connection::Connection;
use super::handshake::{self, TooMany, Unopened};
use super::io::Io;
use super::polling::{Outcome, poll, post};
use super::probe::Probe;
use super::websocket;
use crate::hub::{Hub, Place, Transport, downcast};

/// The query parameters that mean something to us; of one that comes twice the last counts.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    eio: Option<Cow<'a, str>>,
    transport: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    pub(super) base64: bool,
}

impl<'a> Query<'a> {
    fn parse(query: &'a str) -> Self {
        let mut found = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "EIO" => found.eio = Some(value),
                "transport" => found.transport = Some(value),
                "sid" => found.sid = Some(value).filter(|sid| !sid.is_empty()),
                "b64" => found.base64 = !matches!(&*value, "" | "0" | "false"),
                _ => {}
            }
        }
        found
    }
}

/// The engine's errors, with Node's codes and words.
#[derive(Debug)]
enum Refused {
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

    fn response(&self, websocket: bool) -> Response<Bytes> {
        tracing::debug!(target: "socketio::engine", code = self.code(), message = self.message(), "refused");
        if let Self::TooMany = self {
            return closing(StatusCode::TOO_MANY_REQUESTS, self.message().to_owned());
        }
        if websocket {
            // Node answers a refused upgrade by hand: always 400, and the bare message.
            let mut response = answer(StatusCode::BAD_REQUEST, "text/html", self.message().to_owned());
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        let status =
            if matches!(self, Self::Forbidden(_)) { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
        let body = format!(r#"{{"code":{},"message":{}}}"#, self.code(), json!(self.message()));
        answer(status, "application/json", body)
    }
}

/// Answers a request for our path.
pub(crate) async fn serve<B>(hub: Arc<Hub>, request: Request<B>, peer: Option<SocketAddr>) -> Response<Bytes>
where
    B: Body + Send,
    B::Data: Send,
{
    let (mut parts, body) = request.into_parts();
    let is_websocket = websocket::is_websocket(&parts);
    let before = hub.config.headers.as_ref().map(|_| clone(&parts));
    let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let explorer = !is_websocket && (agent.contains(";MSIE") || agent.contains("Trident/"));
    let mut response = match route(&hub, &mut parts, body, peer, is_websocket).await {
        Ok(response) => response,
        Err(refused) => refused.response(is_websocket),
    };
    if explorer {
        // Its filter for cross-site scripting took answers for attacks.
        response.headers_mut().insert(X_XSS_PROTECTION, HeaderValue::from_static("0"));
    }
    edit(response, hub.config.headers.as_deref(), before.as_ref())
}

type Edit = dyn Fn(&mut HeaderMap, &Parts) + Send + Sync;

fn edit(mut response: Response<Bytes>, edit: Option<&Edit>, parts: Option<&Parts>) -> Response<Bytes> {
    if let (Some(edit), Some(parts)) = (edit, parts) {
        edit(response.headers_mut(), parts);
    }
    response
}

fn clone(parts: &Parts) -> Parts {
    let mut copy = Request::new(()).into_parts().0;
    copy.method = parts.method.clone();
    copy.uri = parts.uri.clone();
    copy.version = parts.version;
    copy.headers = parts.headers.clone();
    copy
}

async fn route<B>(
    hub: &Arc<Hub>,
    parts: &mut Parts,
    body: B,
    peer: Option<SocketAddr>,
    is_websocket: bool,
) -> Result<Response<Bytes>, Refused>
where
    B: Body + Send,
    B::Data: Send,
{
    let uri = parts.uri.clone();
    let query = uri.query().unwrap_or_default();
    if query.len() > hub.config.max_query {
        return Err(Refused::BadRequest);
    }
    let query = Query::parse(query);
    let transport = match query.transport.as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::WebSocket,
        _ => return Err(Refused::TransportUnknown),
    };
    if !hub.config.transports.contains(&transport) {
        return Err(Refused::TransportUnknown);
    }
    // A missing version, and any other, is taken for 3, as Node does.
    let version = if query.eio.as_deref() == Some("4") { Version::V4 } else { Version::V3 };
    if let Some(sid) = &query.sid {
        let connection = hub.links().get(sid).and_then(|link| downcast::<Connection>(link));
        let connection = connection.ok_or(Refused::UnknownSid)?;
        if connection.protocol.version != version {
            return Err(Refused::BadRequest);
        }
        return match (transport, is_websocket) {
            (Transport::WebSocket, true) => probe(hub, parts, connection),
            (Transport::Polling, false) => continue_polling(parts, body, &connection).await,
            _ => Err(Refused::BadRequest),
        };
    }
    let method = if is_websocket { &Method::GET } else { &parts.method };
    if *method != Method::GET {
        return Err(Refused::BadMethod);
    }
    if (transport == Transport::WebSocket) != is_websocket {
        return Err(Refused::BadRequest);
    }
    if hub.is_draining() {
        return Ok(going_away());
    }
    let place = handshake::place(hub, &parts.headers, peer)?;
    if let Some(origins) = &hub.config.origins
        && !origins.allow(&parts.headers)
    {
        return Err(Refused::Forbidden("Origin not allowed".to_owned()));
    }
    if let Some(check) = &hub.config.allow_request {
        check(parts).map_err(|error| Refused::Forbidden(error.message().to_owned()))?;
    }
    if version == Version::V3 && !hub.config.allow_eio3 {
        return Err(Refused::UnsupportedVersion);
    }
    if is_websocket {
        open_websocket(hub, parts, version, peer, place)
    } else {
        open_polling(hub, parts, &query, version, peer, place)
    }
}

fn open_polling(
    hub: &Arc<Hub>,
    parts: &Parts,
    query: &Query<'_>,
    version: Version,
    peer: Option<SocketAddr>,
    place: Option<Box<Place>>,
) -> Result<Response<Bytes>, Refused> {
    let mut copy = clone(parts);
    copy.extensions = parts.extensions.clone();
    let connection = match handshake::open(hub, copy, query, version, peer, None, place) {
        Ok(connection) => connection,
        Err(Unopened::BadId) => return Err(Refused::BadRequest),
        Err(Unopened::Draining) => return Ok(going_away()),
    };
    let (content, payload) = {
        let mut shared = connection.lock();
        shared.queue.payload(version, query.base64, hub.config.max_payload)
    };
    let mut response = payload_response(content, payload);
    if let Some(cookie) = &hub.config.cookie
        && let Ok(value) = HeaderValue::from_str(&cookie.render(&connection.sid))
    {
        response.headers_mut().append(SET_COOKIE, value);
    }
    Ok(edit(response, hub.config.initial_headers.as_deref(), Some(parts)))
}

fn open_websocket(
    hub: &Arc<Hub>,
    parts: &mut Parts,
    version: Version,
    peer: Option<SocketAddr>,
    mut place: Option<Box<Place>>,
) -> Result<Response<Bytes>, Refused> {
    let response =
        websocket::accept(parts, &hub.config.subprotocols).ok_or(Refused::BadRequest)?.map(|()| Bytes::new());
    let upgrade = upgrade(parts).ok_or(Refused::BadRequest)?;
    let mut copy = clone(parts);
    copy.extensions = std::mem::take(&mut parts.extensions);
    let hub = hub.clone();
    let initial = hub.config.initial_headers.clone();
    tokio::spawn(async move {
        let Some((io, early)) = upgraded(upgrade).await else { return };
        if peer.is_none() {
            place = match handshake::place(&hub, &copy.headers, io.peer()) {
                Ok(place) => place,
                Err(TooMany) => {
                    let config = &hub.config;
                    return Probe::new(io, &early, config.max_payload).turn_away(config.close_grace).await;
                }
            };
        }
        let uri = copy.uri.clone();
        let query = Query::parse(uri.query().unwrap_or_default());
        if let Err(error) = handshake::open(&hub, copy, &query, version, peer, Some((io, &early)), place) {
            tracing::warn!(target: "socketio::engine", ?error, "no session");
        }
    });
    Ok(edit(response, initial.as_deref(), Some(parts)))
}

fn probe(hub: &Arc<Hub>, parts: &mut Parts, connection: Arc<Connection>) -> Result<Response<Bytes>, Refused> {
    if connection.lock().session.is_closed() {
        return Err(Refused::UnknownSid);
    }
    let response =
        websocket::accept(parts, &hub.config.subprotocols).ok_or(Refused::BadRequest)?.map(|()| Bytes::new());
    let upgrade = upgrade(parts).ok_or(Refused::BadRequest)?;
    let refused = !hub.config.allow_upgrades || connection.feed(Input::ProbeOpened).is_some();
    let hub = hub.clone();
    tokio::spawn(async move {
        let config = &hub.config;
        match upgraded(upgrade).await {
            // One that upgraded already, or does: Node accepts the WebSocket and closes it.
            Some((io, early)) if refused => {
                Probe::new(io, &early, config.max_payload).close(config.close_grace).await;
            }
            Some((io, early)) => {
                if let Err(probe) = connection.offer_probe(io, early) {
                    probe.close(config.close_grace).await;
                }
            }
            None if refused => {}
            None => drop(connection.feed(Input::ProbeClosed)),
        }
    });
    Ok(response)
}

fn upgrade(parts: &mut Parts) -> Option<OnUpgrade> {
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    if upgrade.is_none() {
        missing_upgrade(&"the request cannot be upgraded");
    }
    upgrade
}

async fn upgraded(upgrade: OnUpgrade) -> Option<(Io, Bytes)> {
    match upgrade.await {
        Ok(upgraded) => Some(Io::from_upgraded(upgraded)),
        Err(error) => {
            missing_upgrade(&error);
            None
        }
    }
}

fn missing_upgrade(error: &dyn std::fmt::Display) {
    tracing::warn!(
        target: "socketio::ws",
        %error,
        "no WebSocket: serve connections with upgrades (hyper: `with_upgrades`, hyper-util: `serve_connection_with_upgrades`)",
    );
}

async fn continue_polling<B>(
    parts: &Parts,
    body: B,
    connection: &Arc<Connection>,
) -> Result<Response<Bytes>, Refused>
where
    B: Body + Send,
    B::Data: Send,
{
    let outcome = match parts.method {
        Method::GET => poll(connection).await,
        Method::POST => {
            let content = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
            let binary = content.starts_with(b"application/octet-stream");
            let length =
                parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            post(connection, body, length, binary).await
        }
        _ => return Ok(status(StatusCode::INTERNAL_SERVER_ERROR)),
    };
    Ok(match outcome {
        Outcome::Payload(content, payload) => payload_response(content, payload),
        Outcome::Ok => {
            let mut response = answer(StatusCode::OK, "text/html", "ok");
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Outcome::TooLarge => {
            let mut response = status(StatusCode::PAYLOAD_TOO_LARGE);
            // What is left of the body is not read.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Outcome::Unknown => return Err(Refused::UnknownSid),
        Outcome::Mismatch => return Err(Refused::BadRequest),
        Outcome::Bad => {
            let mut response = status(StatusCode::BAD_REQUEST);
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    })
}

fn going_away() -> Response<Bytes> {
    closing(StatusCode::SERVICE_UNAVAILABLE, "The server is going away")
}

fn closing(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = answer(status, "text/plain", text);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn payload_response(content: ContentType, payload: Vec<u8>) -> Response<Bytes> {
    let content = match content {
        ContentType::Text => "text/plain; charset=UTF-8",
        ContentType::Binary => "application/octet-stream",
    };
    let mut response = answer(StatusCode::OK, content, payload);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answer(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, USER_AGENT, X_XSS_PROTECTION};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use tower_socketio_proto::engineio::{Input, Version};

use super::answers::{Refused, going_away, of_session, payload_response, status_alone};
use super::connection::Connection;
use super::handshake::{self, Opener, Unopened};
use super::io::Io;
use super::opening::Opening;
use super::polling::{Get, Outcome, post};
use super::probe::Probe;
use super::query::Query;
use super::websocket;
use crate::hub::{BoxFuture, Hub, Transport, downcast};

/// The answer to a request for our path, at once or later.
pub(crate) struct Answer {
    kind: Kind,
    finish: Option<Box<Finish>>,
}

enum Kind {
    Ready(Option<Response<Bytes>>),
    Get(Get),
    Post(BoxFuture<Outcome>),
}

impl From<Response<Bytes>> for Kind {
    fn from(response: Response<Bytes>) -> Self {
        Self::Ready(Some(response))
    }
}

/// Answers a request for our path, from a peer that whoever accepted it may have left in its extensions.
pub(crate) fn serve<B>(
    hub: &Arc<Hub>,
    request: Request<B>,
    peer: impl FnOnce(&Extensions) -> Option<SocketAddr>,
) -> Answer
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (parts, body) = request.into_parts();
    let is_websocket = websocket::is_websocket(&parts);
    let finish = Finish::new(hub, &parts, is_websocket);
    let kind = route(hub, parts, body, peer, is_websocket);
    let kind = kind.unwrap_or_else(|refused| refused.response(is_websocket).into());
    Answer { kind, finish }
}

impl Future for Answer {
    type Output = Response<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let outcome = match &mut self.kind {
            Kind::Ready(response) => {
                let response = response.take().expect("a future is not polled after its end");
                return Poll::Ready(self.finished(response));
            }
            Kind::Get(get) => std::task::ready!(get.poll(cx)),
            Kind::Post(post) => std::task::ready!(post.as_mut().poll(cx)),
        };
        // A request whose answer comes later is never one for a WebSocket.
        let response = of_session(outcome).unwrap_or_else(|refused| refused.response(false));
        Poll::Ready(self.finished(response))
    }
}

impl Answer {
    fn finished(&mut self, response: Response<Bytes>) -> Response<Bytes> {
        match self.finish.take() {
            None => response,
            Some(finish) => finish.apply(response),
        }
    }
}

/// What is still to be done with an answer.
struct Finish {
    /// The program's own headers, and the request that they may depend on.
    edit: Option<(Arc<Hub>, Parts)>,
    explorer: bool,
}

impl Finish {
    fn new(hub: &Arc<Hub>, parts: &Parts, is_websocket: bool) -> Option<Box<Self>> {
        let explorer = !is_websocket && is_explorer(&parts.headers);
        let edit = hub.config.headers.as_ref().map(|_| (hub.clone(), clone(parts)));
        (explorer || edit.is_some()).then(|| Box::new(Self { edit, explorer }))
    }

    fn apply(self, mut response: Response<Bytes>) -> Response<Bytes> {
        if self.explorer {
            // Its filter for cross-site scripting took answers for attacks.
            response.headers_mut().insert(X_XSS_PROTECTION, HeaderValue::from_static("0"));
        }
        if let Some((hub, parts)) = self.edit
            && let Some(edit) = &hub.config.headers
        {
            edit(response.headers_mut(), &parts);
        }
        response
    }
}

fn is_explorer(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/"))
}

fn clone(parts: &Parts) -> Parts {
    let mut copy = Request::new(()).into_parts().0;
    copy.method = parts.method.clone();
    copy.uri = parts.uri.clone();
    copy.version = parts.version;
    copy.headers = parts.headers.clone();
    copy
}

fn route<B>(
    hub: &Arc<Hub>,
    parts: Parts,
    body: B,
    peer: impl FnOnce(&Extensions) -> Option<SocketAddr>,
    is_websocket: bool,
) -> Result<Kind, Refused>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let query = parts.uri.query().unwrap_or_default();
    if query.len() > hub.config.max_query {
        return Err(Refused::BadRequest);
    }
    let Query { eio, transport, sid, base64 } = Query::parse(query);
    let transport = match transport.as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::WebSocket,
        _ => return Err(Refused::TransportUnknown),
    };
    if !hub.config.transports.contains(&transport) {
        return Err(Refused::TransportUnknown);
    }
    // A missing version, and any other, is taken for 3, as Node does.
    let version = if eio.as_deref() == Some("4") { Version::V4 } else { Version::V3 };
    if let Some(sid) = sid {
        let connection = hub.links().get(&sid).and_then(downcast::<Connection>);
        let connection = connection.ok_or(Refused::UnknownSid)?;
        if connection.protocol.version != version {
            return Err(Refused::BadRequest);
        }
        drop((eio, sid));
        return match (transport, is_websocket) {
            (Transport::WebSocket, true) => probe(hub, parts, connection).map(Kind::from),
            (Transport::Polling, false) => continue_polling(&parts, body, connection),
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
        return Ok(going_away().into());
    }
    let peer = peer(&parts.extensions);
    let place = handshake::place(hub, &parts.headers, peer)?;
    if let Some(origins) = &hub.config.origins
        && !origins.allow(&parts.headers)
    {
        return Err(Refused::Forbidden("Origin not allowed".to_owned()));
    }
    if let Some(check) = &hub.config.allow_request {
        check(&parts).map_err(|error| Refused::Forbidden(error.message().to_owned()))?;
    }
    if version == Version::V3 && !hub.config.allow_eio3 {
        return Err(Refused::UnsupportedVersion);
    }
    drop((eio, sid));
    let opener = Opener { version, base64, peer, place };
    let open = if is_websocket { open_websocket } else { open_polling };
    open(hub, parts, opener).map(Kind::from)
}

fn open_polling(hub: &Arc<Hub>, parts: Parts, opener: Opener) -> Result<Response<Bytes>, Refused> {
    let base64 = opener.base64;
    // The hook looks at the request when it is the session's already.
    let parts = Arc::new(parts);
    let connection = match handshake::open_polling(hub, parts.clone(), opener) {
        Ok(connection) => connection,
        Err(Unopened::BadId) => return Err(Refused::BadRequest),
        Err(Unopened::Draining) => return Ok(going_away()),
    };
    let (content, payload) = {
        let mut shared = connection.lock();
        shared.queue.payload(connection.protocol.version, base64, hub.config.max_payload)
    };
    let mut response = payload_response(content, payload);
    if let Some(cookie) = &hub.config.cookie
        && let Ok(value) = HeaderValue::from_str(&cookie.render(&connection.sid))
    {
        response.headers_mut().append(SET_COOKIE, value);
    }
    if let Some(edit) = &hub.config.initial_headers {
        edit(response.headers_mut(), &parts);
    }
    Ok(response)
}

fn open_websocket(hub: &Arc<Hub>, mut parts: Parts, opener: Opener) -> Result<Response<Bytes>, Refused> {
    let mut response = websocket::accept(&parts, &hub.config.subprotocols).ok_or(Refused::BadRequest)?;
    let upgrade = upgrade(&mut parts).ok_or(Refused::BadRequest)?;
    if let Some(edit) = &hub.config.initial_headers {
        edit(response.headers_mut(), &parts);
    }
    tokio::spawn(Opening::new(hub.clone(), upgrade, Arc::new(parts), opener));
    Ok(response)
}

fn probe(hub: &Arc<Hub>, mut parts: Parts, connection: Arc<Connection>) -> Result<Response<Bytes>, Refused> {
    if connection.lock().session.is_closed() {
        return Err(Refused::UnknownSid);
    }
    let response = websocket::accept(&parts, &hub.config.subprotocols).ok_or(Refused::BadRequest)?;
    let upgrade = upgrade(&mut parts).ok_or(Refused::BadRequest)?;
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

pub(super) fn missing_upgrade(error: &dyn std::fmt::Display) {
    tracing::warn!(
        target: "socketio::ws",
        %error,
        "no WebSocket: serve connections with upgrades (hyper: `with_upgrades`, hyper-util: `serve_connection_with_upgrades`)",
    );
}

fn continue_polling<B>(parts: &Parts, body: B, connection: Arc<Connection>) -> Result<Kind, Refused>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    Ok(match parts.method {
        Method::GET => match Get::open(connection) {
            Ok(get) => Kind::Get(get),
            Err(outcome) => of_session(outcome)?.into(),
        },
        Method::POST => {
            let content = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
            let binary = content.starts_with(b"application/octet-stream");
            let length =
                parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            Kind::Post(Box::pin(post(connection, body, length, binary)))
        }
        _ => status_alone(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()).into(),
    })
}

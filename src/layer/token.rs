use std::borrow::Cow;

use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};

use crate::extract::Any;
use crate::hub::ConnectRequest;

/// A place where a client may put its token or its ticket.
///
/// `JwtLayer::sources` (with the feature `jwt`) and [`TicketLayer::sources`](crate::TicketLayer::sources) choose them.
/// Headers are those of the request that opened the connection: when a client enters a further namespace later, only
/// those that [`keep_headers`](crate::Builder::keep_headers) names are left.
///
/// ```
/// use std::sync::Arc;
///
/// use tower_socketio::{MemoryTickets, TicketLayer, TokenSource};
///
/// let store = Arc::new(MemoryTickets::<String>::new());
/// let tickets = TicketLayer::new(store).sources([TokenSource::auth("ticket"), TokenSource::subprotocol()]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Auth(Cow<'static, str>),
    Query(Cow<'static, str>),
    Bearer,
    Cookie(Cow<'static, str>),
    Subprotocol,
}

impl TokenSource {
    /// An entry of the object that the client gives as `auth`, anew for each namespace.
    ///
    /// Clients of Socket.IO 2 have it for namespaces other than `/`, as `io("/x?token=..")`.
    pub fn auth(key: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Auth(key.into()))
    }

    /// A key of the query of the request that opened the connection. Proxies write it to their logs.
    pub fn query(key: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Query(key.into()))
    }

    /// The header `Authorization: Bearer ..` of the request that opened the connection; browsers send it with polling
    /// only.
    pub fn bearer() -> Self {
        Self(Kind::Bearer)
    }

    /// A cookie of the request that opened the connection.
    ///
    /// Browsers send cookies whoever's page asks: let in only the origins you know (with
    /// [`allow_request`](crate::Builder::allow_request), for example), and give the cookie `SameSite`.
    pub fn cookie(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Cookie(name.into()))
    }

    /// A subprotocol `bearer.<token>` that the client offers beside a real one, for browsers that begin with a
    /// WebSocket: `io({ transports: ["websocket"], protocols: ["chat", "bearer." + token] })`.
    ///
    /// They give up unless the server chooses one that they offered: name the real one with
    /// [`subprotocols`](crate::Builder::subprotocols).
    pub fn subprotocol() -> Self {
        Self(Kind::Subprotocol)
    }

    /// The header it is in, if it is in one.
    #[cfg(feature = "jwt")]
    pub(super) fn header(&self) -> Option<http::HeaderName> {
        match self.0 {
            Kind::Auth(_) | Kind::Query(_) => None,
            Kind::Bearer => Some(AUTHORIZATION),
            Kind::Cookie(_) => Some(COOKIE),
            Kind::Subprotocol => Some(SEC_WEBSOCKET_PROTOCOL),
        }
    }

    fn tokens(&self, request: &ConnectRequest, found: &mut Vec<String>) -> Result<(), Unfound> {
        match &self.0 {
            Kind::Auth(key) => {
                let auth = request.auth().map(|auth| auth.deserialize::<Any>()).transpose();
                // Nested deeper than anybody reads, which an honest client's is not.
                let auth = auth.map_err(|_| Unfound::Malformed)?;
                let Some(Any::Object(entries)) = auth else { return Ok(()) };
                for (_, value) in entries.into_iter().filter(|(name, _)| name == key) {
                    match value {
                        Any::String(token) => found.push(token),
                        // What a browser's storage answers when it is empty.
                        Any::Null => {}
                        _ => return Err(Unfound::Malformed),
                    }
                }
            }
            Kind::Query(key) => found.extend(request.query_all(key).map(str::to_owned)),
            Kind::Bearer => {
                for value in request.headers(&AUTHORIZATION) {
                    // The scheme's case does not matter; other schemes are somebody else's.
                    let Some((scheme, token)) = value.as_bytes().split_at_checked(7) else { continue };
                    if scheme.eq_ignore_ascii_case(b"bearer ") {
                        found.push(text(token)?.trim().to_owned());
                    }
                }
            }
            Kind::Cookie(name) => {
                let values = request.headers(&COOKIE);
                let pairs = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
                for pair in pairs {
                    let Some(pair) = pair.trim_ascii().strip_prefix(name.as_bytes()) else { continue };
                    if let Some(token) = pair.strip_prefix(b"=") {
                        found.push(text(token)?.trim_matches('"').to_owned());
                    }
                }
            }
            Kind::Subprotocol => {
                let values = request.headers(&SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
                let offers = values.flat_map(|value| value.split(','));
                let tokens = offers.filter_map(|offer| offer.trim().strip_prefix("bearer."));
                found.extend(tokens.map(str::to_owned));
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unfound> {
    std::str::from_utf8(bytes).map_err(|_| Unfound::Malformed)
}

/// Why there is no one token, though there is something.
#[derive(Debug)]
pub(super) enum Unfound {
    Ambiguous,
    Malformed,
}

/// The client's only token, and where it is; `repeats` if the same one in several places is one.
pub(super) fn find<'a>(
    sources: &'a [TokenSource],
    request: &ConnectRequest,
    repeats: bool,
) -> Result<Option<(String, &'a TokenSource)>, Unfound> {
    let mut only: Option<(String, &TokenSource)> = None;
    for source in sources {
        let mut tokens = Vec::new();
        source.tokens(request, &mut tokens)?;
        if tokens.len() > 1 {
            return Err(Unfound::Ambiguous);
        }
        let Some(token) = tokens.pop() else { continue };
        match &only {
            None => only = Some((token, source)),
            Some((before, _)) if repeats && *before == token => {}
            Some(_) => return Err(Unfound::Ambiguous),
        }
    }
    Ok(only)
}

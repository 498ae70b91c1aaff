use axum::extract::Query;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_socketio::{Auth, Builder, Http, Namespace, Pattern, Sent, Socket, WireError};

use crate::journal::Journal;
use crate::options::X_INTEROP;
use crate::{broadcasts, events, tap, watch};

/// What all children of the dynamic namespace are called together.
pub(crate) const DYNAMIC: &str = "/dynamic-*";

/// The namespaces of section 2 of the contract.
pub(crate) fn declare(server: Builder, journal: Journal) -> Builder {
    let open = || open(&journal);
    server
        .namespace("/", open())
        .namespace("/chat", open())
        .namespace("/tapped", tap::tapped().merge(open()))
        .namespace("/watch", unwatched(&journal))
        .namespace("/private", Namespace::new().on_connect(only_with_token).merge(open()))
        .namespace("/refused", Namespace::new().on_connect(nobody))
        .namespace(Pattern::predicate(DYNAMIC, async |name, _| is_dynamic(&name)), open())
}

/// A namespace with all events, for everybody.
fn open(journal: &Journal) -> Namespace {
    watch::watched().merge(unwatched(journal))
}

fn unwatched(journal: &Journal) -> Namespace {
    let hooks = Namespace::new().on_connect(remember).on_connect(welcome);
    hooks.merge(events::events()).merge(broadcasts::events()).merge(journal.events())
}

fn is_dynamic(name: &str) -> bool {
    let digits = name.strip_prefix("/dynamic-").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[derive(Deserialize)]
struct Credentials {
    token: String,
}

async fn only_with_token(auth: Result<Auth<Credentials>, WireError>) -> Result<(), WireError> {
    match auth {
        Ok(Auth(Credentials { token })) if token == "secret" => Ok(()),
        _ => Err(WireError::new("not authorized").data(json!({ "hint": "token" }))),
    }
}

async fn nobody() -> Result<(), WireError> {
    Err(WireError::new("refused"))
}

/// What a socket's client said when it connected; the event `handshake` shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Handshake {
    auth: Option<Value>,
    token: Option<String>,
    header: Option<String>,
}

#[derive(Deserialize)]
struct Url {
    token: Option<String>,
}

async fn remember(
    socket: Socket,
    auth: Option<Auth<Value>>,
    Http(Query(Url { token })): Http<Query<Url>>,
    Http(headers): Http<HeaderMap>,
) {
    let header = headers.get(X_INTEROP).and_then(|header| header.to_str().ok()).map(Into::into);
    socket.extensions().insert(Handshake { auth: auth.map(|Auth(auth)| auth), token, header });
}

async fn welcome(socket: Socket) -> Sent {
    socket.emit("welcome", tap::out(&socket, "welcome", (socket.id(),)))
}

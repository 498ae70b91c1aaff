use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tower::{BoxError, Layer, Service};

use super::{TicketError, TicketStore, loggable};
use crate::extract::Claims;
use crate::hub::{Accepted, ConnectRequest, ConnectService, WireError, next_number};
use crate::layer::connect;

/// The longest token that is looked up, in bytes.
const LONGEST: usize = 1024;
/// How long a client with a bad ticket may take to read so.
const GRACE: Duration = Duration::from_millis(20);

/// Lets clients in by tickets of a [`TicketStore`], and gives their sockets [`Claims<P>`](crate::Claims).
///
/// See the [module](super) for an example.
///
/// A client whose ticket is missing, given twice, unknown, used, expired or too long reads `INVALID_TOKEN`, and its
/// connection is closed. If the store fails it reads `unavailable`, and may try again with the same ticket.
pub struct TicketLayer<P, S> {
    inner: Arc<Inner<P, S>>,
}

struct Inner<P, S> {
    number: u64,
    store: Arc<S>,
    /// Both, by the name `token`, if none is named.
    sources: Vec<Source>,
    user: Option<Arc<UserKey<P>>>,
    payload: PhantomData<fn() -> P>,
}

#[derive(Clone)]
enum Source {
    Query(Arc<str>),
    Auth(Arc<str>),
}

type UserKey<P> = dyn Fn(&P) -> Option<String> + Send + Sync;

impl<P, S> TicketLayer<P, S>
where
    P: Clone + Send + Sync + 'static,
    S: TicketStore<P>,
{
    /// A layer for the tickets of this store.
    pub fn new(store: S) -> Self {
        let inner = Inner {
            number: next_number(),
            store: Arc::new(store),
            sources: Vec::new(),
            user: None,
            payload: PhantomData,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes the ticket from this key of the query.
    ///
    /// By default it is `token` of the query or of `auth`; as soon as one place is named, only named ones count.
    pub fn from_query(self, key: &str) -> Self {
        self.set(|inner| inner.sources.push(Source::Query(key.into())))
    }

    /// Takes the ticket from this member of the object that the client gives as `auth`.
    ///
    /// By default it is `token` of the query or of `auth`; as soon as one place is named, only named ones count.
    pub fn from_auth(self, key: &str) -> Self {
        self.set(|inner| inner.sources.push(Source::Auth(key.into())))
    }

    /// Says whom `io.to_user(..)` reaches: a `String`, or an `Option` of one for users who shall not be reached.
    ///
    /// Without it tickets give no user, so that strangers never share one.
    pub fn user<K: Into<Option<String>>>(self, key: impl Fn(&P) -> K + Send + Sync + 'static) -> Self {
        self.set(|inner| inner.user = Some(Arc::new(move |payload| key(payload).into())))
    }

    fn set(mut self, set: impl FnOnce(&mut Inner<P, S>)) -> Self {
        set(Arc::make_mut(&mut self.inner));
        self
    }
}

impl<P, S> Inner<P, S>
where
    P: Clone + Send + Sync + 'static,
    S: TicketStore<P>,
{
    async fn enter(
        self: Arc<Self>,
        request: ConnectRequest,
        next: connect::Next,
    ) -> Result<Accepted, WireError> {
        let socket = request.socket();
        let payload = {
            // Two CONNECTs that arrive together must not both spend the ticket.
            let opened = socket.conn().slot(self.number, || tokio::sync::Mutex::new(None::<P>));
            let mut opened = opened.lock().await;
            match &*opened {
                Some(payload) => payload.clone(),
                None => {
                    let payload = self.verify(&request).await?;
                    *opened = Some(payload.clone());
                    payload
                }
            }
        };
        if let Some(user) = self.user.as_ref().and_then(|key| key(&payload)) {
            socket.set_user(user);
        }
        socket.extensions().insert(Claims(payload));
        next.run(request).await
    }

    async fn verify(&self, request: &ConnectRequest) -> Result<P, WireError> {
        let invalid = || WireError::new("INVALID_TOKEN").close_after(GRACE);
        let Some(token) = self.token(request) else { return Err(invalid()) };
        match self.store.consume(&token).await {
            Ok(payload) => Ok(payload),
            Err(TicketError::Invalid) => {
                let token = loggable(&token);
                tracing::debug!(target: "socketio::namespace", token, "a ticket is invalid");
                Err(invalid())
            }
            Err(error) => {
                tracing::error!(target: "socketio::namespace", %error, "a ticket cannot be checked");
                Err(WireError::new("unavailable").code("unavailable"))
            }
        }
    }

    /// The one token that the client gives. Old clients give what is in their query for each namespace again.
    fn token(&self, request: &ConnectRequest) -> Option<String> {
        let mut given: Option<String> = None;
        let mut give = |token: &str| match &given {
            _ if token.is_empty() || token.len() > LONGEST => false,
            Some(other) => other == token,
            None => {
                given = Some(token.to_owned());
                true
            }
        };
        let auth = || request.auth()?.deserialize::<Value>().ok();
        let from_query = |key: &str, give: &mut dyn FnMut(&str) -> bool| {
            let mut all = request.query_all(key);
            match (all.next(), all.next()) {
                (None, _) => true,
                (Some(token), None) => give(token),
                (Some(_), Some(_)) => false,
            }
        };
        let from_auth = |key: &str, give: &mut dyn FnMut(&str) -> bool| {
            let auth = auth();
            match auth.as_ref().and_then(|auth| auth.get(key)) {
                None => true,
                Some(Value::String(token)) => give(token),
                Some(_) => false,
            }
        };
        let fine = if self.sources.is_empty() {
            from_query("token", &mut give) && from_auth("token", &mut give)
        } else {
            self.sources.iter().all(|source| match source {
                Source::Query(key) => from_query(key, &mut give),
                Source::Auth(key) => from_auth(key, &mut give),
            })
        };
        given.filter(|_| fine)
    }
}

impl<P, S, N> Layer<N> for TicketLayer<P, S>
where
    P: Clone + Send + Sync + 'static,
    S: TicketStore<P>,
    N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Service = ConnectService;

    fn layer(&self, inner: N) -> ConnectService {
        let tickets = self.inner.clone();
        let layer = connect::from_fn(move |request, next| tickets.clone().enter(request, next));
        ConnectService::new(layer.layer(inner))
    }
}

impl<P, S> Clone for Inner<P, S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), sources: self.sources.clone(), user: self.user.clone(), ..*self }
    }
}

impl<P, S> Clone for TicketLayer<P, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<P, S> fmt::Debug for TicketLayer<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketLayer").finish_non_exhaustive()
    }
}

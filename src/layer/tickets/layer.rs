use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tower::{BoxError, Layer, Service};

use super::{TicketError, TicketStore, loggable};
use crate::extract::Claims;
use crate::hub::{Accepted, ConnectRequest, ConnectService, WireError, next_number};
use crate::layer::connect;
use crate::layer::token::{TokenSource, find};

/// The longest token that is looked up, in bytes.
const LONGEST: usize = 1024;
/// How long a client with a bad ticket may take to read so.
const GRACE: Duration = Duration::from_millis(20);

/// Lets clients in by tickets of a [`TicketStore`], and gives their sockets [`Claims<P>`](crate::Claims).
///
/// See the [module](super) for an example.
///
/// A client whose ticket is missing, ambiguous, unknown, used, expired or longer than 1024 bytes reads `INVALID_TOKEN`,
/// and its connection is closed. If the store fails it reads `unavailable`, and may try again with the same ticket.
#[must_use = "a layer does nothing before a server or a namespace has it"]
pub struct TicketLayer<P, S> {
    inner: Arc<Inner<P, S>>,
}

struct Inner<P, S> {
    number: u64,
    store: Arc<S>,
    sources: Vec<TokenSource>,
    user: Option<Arc<UserKey<P>>>,
    payload: PhantomData<fn() -> P>,
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
            sources: vec![TokenSource::auth("token"), TokenSource::query("token")],
            user: None,
            payload: PhantomData,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where clients put their ticket, instead of `auth.token` or the query's `token`.
    ///
    /// A client that gives more than one is refused, unless they are the same one in two places.
    pub fn sources(self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        self.with(|inner| inner.sources = sources.into_iter().collect())
    }

    /// Says whom `io.to_user(..)` reaches: a `String`, or an `Option` of one for users who shall not be reached.
    ///
    /// Without it tickets give no user, so that strangers never share one.
    pub fn user<K: Into<Option<String>>>(self, key: impl Fn(&P) -> K + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.user = Some(Arc::new(move |payload| key(payload).into())))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner<P, S>)) -> Self {
        change(Arc::make_mut(&mut self.inner));
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
        let (token, _) = find(&self.sources, request, true).ok().flatten()?;
        (1..=LONGEST).contains(&token.len()).then_some(token)
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

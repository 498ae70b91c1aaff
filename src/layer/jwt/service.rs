use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use serde::de::DeserializeOwned;
use tower::{BoxError, Layer, Service};

use super::JwtError;
use super::layer::{JwtLayer, Setup};
use super::renewal::Renewable;
use super::session::Session;
use super::verify::Verified;
use super::{TokenSource, Unfound, find};
use crate::hub::{Accepted, BoxFuture, ConnectRequest, ConnectService, PublicError, Socket, Turns};

/// The service of a [`JwtLayer`].
pub struct Jwt<C> {
    setup: Arc<Setup<C>>,
    inner: Turns<ConnectService>,
}

impl<C, N> Layer<N> for JwtLayer<C>
where
    N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Service = Jwt<C>;

    fn layer(&self, inner: N) -> Jwt<C> {
        Jwt { setup: self.0.clone(), inner: Turns::new(ConnectService::new(inner)) }
    }
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Service<ConnectRequest> for Jwt<C> {
    type Response = Accepted;
    type Error = BoxError;
    type Future = BoxFuture<Result<Accepted, BoxError>>;

    /// Ready as long as what is below can still be used; its own readiness is waited for after the token's check.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_usable()
    }

    fn call(&mut self, request: ConnectRequest) -> Self::Future {
        let (setup, inner) = (self.setup.clone(), self.inner.turn());
        Box::pin(async move {
            let socket = request.socket().clone();
            let verified =
                setup.admit(&request).await.map_err(JwtError::into_wire).map_err(BoxError::from)?;
            let session = Session::open(setup, &socket, verified);
            socket.extensions().insert_for_connection(Renewable(session.clone()));
            let accepted = inner.run(request).await?;
            // Hooks may have taken longer than the token lasts.
            if session.is_over() {
                return Err(JwtError::Expired.into_wire().into());
            }
            session.watch(&socket);
            Ok(accepted)
        })
    }
}

/// Whether a header that may hold a token is there no more, though nobody knows whether it had one.
fn is_gone(sources: &[TokenSource], request: &ConnectRequest) -> bool {
    let kept = &request.socket().io().hub().config.keep_headers;
    request.parts().is_none()
        && sources.iter().filter_map(TokenSource::header).any(|header| !kept.contains(&header))
}

impl From<Unfound> for JwtError {
    fn from(error: Unfound) -> Self {
        match error {
            Unfound::Ambiguous => Self::Ambiguous,
            Unfound::Malformed => Self::Invalid,
        }
    }
}

/// What layers have verified from headers of the connection, by the number of the layer.
struct Remembered<C>(Arc<Mutex<HashMap<u64, Verified<C>>>>);

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Setup<C> {
    /// The client's token if it is good, or nothing for a guest.
    async fn admit(&self, request: &ConnectRequest) -> Result<Option<Verified<C>>, JwtError> {
        let socket = request.socket();
        // Clients of Socket.IO 2 repeat the query of the connection as that of a namespace.
        let repeats = socket.conn().protocol() == 4;
        let verified = match find(&self.sources, request, repeats)? {
            Some((token, source)) => {
                let verified = self.verify(&token).await?;
                self.rules.check_revocation(&verified.claims).await?;
                if source.header().is_some() {
                    remember(socket, self.number, verified.clone());
                }
                return Ok(Some(verified));
            }
            None if is_gone(&self.sources, request) => remembered(socket, self.number),
            None => None,
        };
        match verified {
            Some(verified) => {
                self.rules.is_fresh(&verified)?;
                self.rules.check_revocation(&verified.claims).await?;
                Ok(Some(verified))
            }
            None => {
                if is_gone(&self.sources, request) {
                    tracing::debug!(
                        target: "socketio::jwt",
                        namespace = request.namespace(),
                        "no token: a header is gone when a namespace is entered later, unless `keep_headers` names it",
                    );
                }
                if self.optional { Ok(None) } else { Err(JwtError::Missing) }
            }
        }
    }
}

fn remember<C: Clone + Send + Sync + 'static>(socket: &Socket, number: u64, verified: Verified<C>) {
    let all = socket.conn().extensions().get_or_default::<Remembered<C>>();
    all.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, verified);
}

fn remembered<C: Clone + Send + Sync + 'static>(socket: &Socket, number: u64) -> Option<Verified<C>> {
    let all = socket.conn().extensions().get::<Remembered<C>>()?;
    all.0.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
}

impl<C> Clone for Remembered<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Default for Remembered<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<C> fmt::Debug for Jwt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}

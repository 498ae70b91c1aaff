use std::fmt;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::poll;
use tower::{BoxError, Service};

use super::future::ResponseFuture;
use super::key::{FindKey, Found, Limited};
use super::layer::Beyond;
use super::limit::{Counter, Limit};
use super::memory::Own;
use crate::hub::{Socket, Turns, WireError};

/// The service of a [`RateLimitLayer`](super::RateLimitLayer).
pub struct RateLimit<K, N> {
    key: Arc<K>,
    limit: Arc<Limit>,
    inner: Inner<N>,
}

enum Inner<N> {
    /// Everything is decided at once.
    Own(N),
    /// What waits calls it later.
    Shared(Turns<N>),
}

impl<K, N: Send + 'static> RateLimit<K, N> {
    pub(super) fn new(key: Arc<K>, limit: Arc<Limit>, inner: N) -> Self {
        let inner = if limit.waits() { Inner::Shared(Turns::new(inner)) } else { Inner::Own(inner) };
        Self { key, limit, inner }
    }
}

impl<R, K, N> Service<R> for RateLimit<K, N>
where
    R: Limited,
    K: FindKey<R>,
    N: Service<R, Response = R::Response, Error: Into<BoxError>, Future: Send + 'static> + Send + 'static,
{
    type Response = R::Response;
    type Error = BoxError;
    type Future = ResponseFuture<N::Future, R::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.inner {
            Inner::Own(inner) => inner.poll_ready(cx).map_err(Into::into),
            Inner::Shared(inner) => inner.poll_usable(),
        }
    }

    fn call(&mut self, request: R) -> Self::Future {
        let limit = &self.limit;
        let Ok(cost) = limit.cost(request.bytes()) else {
            return ResponseFuture::ready(refuse::<R>(limit, request.socket(), limit.error(None)));
        };
        let counter = match self.key.find(&request) {
            Some(Found(key)) => Counter::Keyed(key),
            None => Counter::Own(request.own(&limit.number, || limit.own())),
        };
        match &mut self.inner {
            Inner::Own(inner) => match limit.take(&counter, cost) {
                Ok(()) => ResponseFuture::inner(inner.call(request)),
                Err(over) => {
                    ResponseFuture::ready(refuse::<R>(limit, request.socket(), limit.error(Some(over))))
                }
            },
            Inner::Shared(inner) => {
                let (limit, turn, socket) = (limit.clone(), inner.turn(), request.socket().clone());
                let queue = request.own(&limit.number, || limit.own());
                ResponseFuture::boxed(Box::pin(async move {
                    match decide::<R>(&limit, socket, &queue, &counter, cost).await {
                        Ok(()) => turn.run(request).await,
                        Err(refusal) => refusal,
                    }
                }))
            }
        }
    }
}

/// Returns once the request may pass, or with what it is answered; in order of arrival, however long it takes.
async fn decide<R: Limited>(
    limit: &Limit,
    socket: Socket,
    own: &Own,
    counter: &Counter,
    cost: NonZeroU32,
) -> Result<(), Result<R::Response, BoxError>> {
    if limit.settings.beyond != Beyond::Wait {
        // Several may be asked for at a time, and each passes in its turn.
        let (_turn, asked) = tokio::join!(own.queue.lock(), limit.ask(counter, cost));
        return asked.map_err(|over| refuse::<R>(limit, &socket, limit.error(Some(over))));
    }
    let mut waiting = pin!(async {
        let _turn = own.queue.lock().await;
        limit.wait(counter, cost).await;
    });
    if poll!(&mut waiting).is_ready() {
        return Ok(());
    }
    tokio::select! {
        biased;
        () = waiting => Ok(()),
        // Clients that come, send and go must not pile up what waits.
        () = socket.closed() => Err(R::drop_silently(limit.error(None))),
    }
}

fn refuse<R: Limited>(limit: &Limit, socket: &Socket, error: WireError) -> Result<R::Response, BoxError> {
    match limit.settings.beyond {
        Beyond::Drop => R::drop_silently(error),
        Beyond::Disconnect => R::refuse(socket, error, true),
        Beyond::Refuse | Beyond::Wait => R::refuse(socket, error, false),
    }
}

impl<K, N> fmt::Debug for RateLimit<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("settings", &self.limit.settings).finish_non_exhaustive()
    }
}

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{BoxError, Layer, Service};

use super::hidden::hidden;
use crate::hub::{Accepted, BoxFuture, ConnectRequest, panicked};

/// The services of the connect tier behind one type: what a layer around a namespace's CONNECTs wraps.
///
/// All clients of a namespace share one stack, so a layer that counts does so for the namespace.
pub struct ConnectService(Box<dyn ConnectStack>);

trait ConnectStack: Send + 'static {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>;
    fn call(&mut self, request: ConnectRequest) -> Connecting;
}

/// What a `connect_layer` call leaves behind.
pub(crate) type WrapConnect = Arc<dyn Fn(ConnectService) -> ConnectService + Send + Sync>;

impl ConnectService {
    /// Hides the type of a service; one that has been hidden before is not boxed again.
    pub(crate) fn new<N>(service: N) -> Self
    where
        N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
            + Send
            + 'static,
    {
        hidden(service).unwrap_or_else(|service| Self(Box::new(Hidden(service))))
    }
}

impl Service<ConnectRequest> for ConnectService {
    type Response = Accepted;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: ConnectRequest) -> Connecting {
        self.0.call(request)
    }
}

struct Hidden<N>(N);

impl<N> ConnectStack for Hidden<N>
where
    N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: ConnectRequest) -> Connecting {
        let accepted = self.0.call(request);
        Connecting(Box::pin(async move { accepted.await.map_err(Into::into) }))
    }
}

/// A namespace's decision about a client, as it comes about.
pub struct Connecting(BoxFuture<Result<Accepted, BoxError>>);

impl Future for Connecting {
    type Output = Result<Accepted, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The layers around the one that panicked are told of it as of any error.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(accepted) => accepted,
            Err(panic) => Poll::Ready(Err(panicked(&*panic).into())),
        }
    }
}

impl fmt::Debug for ConnectService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectService").finish_non_exhaustive()
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}

/// Any tower layer whose service takes a [`ConnectRequest`] and answers [`Accepted`], whatever its error.
///
/// It is implemented for all of them, and by nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer around CONNECTs",
    note = "it must make of a `ConnectService` a `Service<ConnectRequest, Response = Accepted>` whose error is a `BoxError`"
)]
pub trait ConnectLayer: Send + Sync + 'static {
    #[doc(hidden)]
    fn wrap(&self, inner: ConnectService) -> ConnectService;
}

#[diagnostic::do_not_recommend]
impl<L> ConnectLayer for L
where
    L: Layer<ConnectService> + Send + Sync + 'static,
    L::Service: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    fn wrap(&self, inner: ConnectService) -> ConnectService {
        ConnectService::new(self.layer(inner))
    }
}

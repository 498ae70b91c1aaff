use std::fmt;
use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tower::{BoxError, Layer, Service};

use super::EmitRequest;
use super::hidden::hidden;
use crate::hub::{EmitError, Sent, panicked};

/// The services of the emit tier behind one type: what a layer around a namespace's emits wraps.
#[derive(Clone)]
pub struct EmitService(Arc<dyn EmitStack>);

trait EmitStack: Send + Sync + 'static {
    fn emit(&self, request: EmitRequest) -> Result<Sent, BoxError>;
}

/// What an `emit_layer` call leaves behind.
pub(crate) type WrapEmit = Arc<dyn Fn(EmitService) -> EmitService + Send + Sync>;

impl EmitService {
    /// The service that sends.
    pub(crate) fn innermost() -> Self {
        Self(Arc::new(Deliver))
    }

    /// Hides the type of a service; one that has been hidden before is not wrapped again.
    pub(crate) fn new<N>(service: N) -> Self
    where
        N: Service<EmitRequest, Response = Sent, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
    {
        hidden(service).unwrap_or_else(|service| Self(Arc::new(Hidden(service))))
    }

    /// Sends, or says why not.
    pub(crate) fn send(&self, request: EmitRequest) -> Sent {
        // Whoever emits is not to be blamed for a layer that panics.
        let sent = catch_unwind(AssertUnwindSafe(|| self.0.emit(request)));
        sent.unwrap_or_else(|panic| Err(panicked(&*panic).into())).unwrap_or_else(|error| {
            let error = match error.downcast::<EmitError>() {
                Ok(error) => *error,
                Err(error) => EmitError::Layer(error),
            };
            Err(error).into()
        })
    }
}

impl Service<EmitRequest> for EmitService {
    type Response = Sent;
    type Error = BoxError;
    type Future = Ready<Result<Sent, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: EmitRequest) -> Self::Future {
        ready(self.0.emit(request))
    }
}

struct Deliver;

impl EmitStack for Deliver {
    fn emit(&self, request: EmitRequest) -> Result<Sent, BoxError> {
        Ok(request.deliver())
    }
}

struct Hidden<N>(N);

impl<N> EmitStack for Hidden<N>
where
    N: Service<EmitRequest, Response = Sent, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
{
    /// An emit cannot wait: whoever is not ready at once has refused.
    fn emit(&self, request: EmitRequest) -> Result<Sent, BoxError> {
        let mut service = self.0.clone();
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(ready) = service.poll_ready(&mut cx) else { return Err(EmitError::NotReady.into()) };
        ready.map_err(Into::into)?;
        match pin!(service.call(request)).poll(&mut cx) {
            Poll::Ready(sent) => sent.map_err(Into::into),
            Poll::Pending => Err(EmitError::NotReady.into()),
        }
    }
}

impl fmt::Debug for EmitService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitService").finish_non_exhaustive()
    }
}

/// Any tower layer whose service takes an [`EmitRequest`] and answers [`Sent`] at once.
///
/// An emit is synchronous: the service is cloned for each, asked for readiness once and polled once, and what is not
/// ready then is [`EmitError::NotReady`]. It is implemented for all that fit, and by nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer around emits",
    note = "it must make of an `EmitService` a `Service<EmitRequest, Response = Sent>` that is `Clone` and answers at once"
)]
pub trait EmitLayer: Send + Sync + 'static {
    #[doc(hidden)]
    fn wrap(&self, inner: EmitService) -> EmitService;
}

#[diagnostic::do_not_recommend]
impl<L> EmitLayer for L
where
    L: Layer<EmitService> + Send + Sync + 'static,
    L::Service: Service<EmitRequest, Response = Sent, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
{
    fn wrap(&self, inner: EmitService) -> EmitService {
        EmitService::new(self.layer(inner))
    }
}

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{BoxError, Service};

use crate::hub::{EmitRequest, EmitService, Sent};

/// Puts a function around the service that sends, which sees everything.
pub(super) fn watch<F>(see: Arc<F>, inner: EmitService) -> EmitService
where
    F: Fn(&EmitRequest) + Send + Sync + 'static,
{
    EmitService::new(Watch { see, inner })
}

struct Watch<F> {
    see: Arc<F>,
    inner: EmitService,
}

impl<F> Clone for Watch<F> {
    fn clone(&self) -> Self {
        Self { see: self.see.clone(), inner: self.inner.clone() }
    }
}

impl<F: Fn(&EmitRequest)> Service<EmitRequest> for Watch<F> {
    type Response = Sent;
    type Error = BoxError;
    type Future = Ready<Result<Sent, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: EmitRequest) -> Self::Future {
        (self.see)(&request);
        ready(Ok(self.inner.send(request)))
    }
}

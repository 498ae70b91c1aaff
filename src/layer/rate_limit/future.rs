use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::BoxError;

use crate::hub::BoxFuture;

pin_project! {
    /// The response of a [`RateLimit`](super::RateLimit).
    pub struct ResponseFuture<F, T> {
        #[pin]
        kind: Kind<F, T>,
    }
}

pin_project! {
    #[project = Projected]
    enum Kind<F, T> {
        Inner { #[pin] future: F },
        Ready { response: Option<Result<T, BoxError>> },
        Boxed { future: BoxFuture<Result<T, BoxError>> },
    }
}

impl<F, T> ResponseFuture<F, T> {
    pub(super) fn inner(future: F) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    pub(super) fn ready(response: Result<T, BoxError>) -> Self {
        Self { kind: Kind::Ready { response: Some(response) } }
    }

    pub(super) fn boxed(future: BoxFuture<Result<T, BoxError>>) -> Self {
        Self { kind: Kind::Boxed { future } }
    }
}

impl<F, T, E> Future for ResponseFuture<F, T>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            Projected::Inner { future } => future.poll(cx).map_err(Into::into),
            Projected::Ready { response } => {
                Poll::Ready(response.take().expect("a future is not polled after its end"))
            }
            Projected::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

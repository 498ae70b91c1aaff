//! Layers around CONNECTs from async functions.
//!
//! ```
//! use tower_socketio::{Namespace, WireError, connect};
//!
//! let namespace: Namespace = Namespace::new().connect_layer(connect::from_fn(async |request, next| {
//!     if request.query("v") != Some("2") {
//!         return Err(WireError::new("please update").code("old_client"));
//!     }
//!     next.run(request).await
//! }));
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

use crate::hub::{Accepted, ConnectRequest, ConnectService, Turn, Turns, WireError};

/// A layer from an async function of the CONNECT and of what comes after; an error is the client's `connect_error`.
///
/// Whatever is below is used by one client at a time until it is called, in order of arrival, and by any number after
/// that. If the last one that waits for it goes away, the stack is made anew for the next, so that nobody holds a permit
/// that nobody uses; a layer that counts then counts from the start.
pub fn from_fn<F, R>(f: F) -> FromFnLayer<F>
where
    F: FnMut(ConnectRequest, Next) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Accepted, WireError>> + Send + 'static,
{
    FromFnLayer { f }
}

/// As [`from_fn`], with a state that the function gets a clone of.
pub fn from_fn_with_state<S, F, R>(
    state: S,
    f: F,
) -> FromFnLayer<impl FnMut(ConnectRequest, Next) -> R + Clone + Send + Sync + 'static>
where
    S: Clone + Send + Sync + 'static,
    F: FnMut(S, ConnectRequest, Next) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Accepted, WireError>> + Send + 'static,
{
    let mut f = f;
    from_fn(move |request, next| f(state.clone(), request, next))
}

/// The rest of the stack, to be called once or not at all.
pub struct Next(Turn<ConnectService>);

impl Next {
    /// Waits until the rest of the stack is ready, and runs it.
    ///
    /// # Errors
    ///
    /// What the client is to be told: the refusal of a hook, or what a layer's error is to it.
    pub async fn run(self, request: ConnectRequest) -> Result<Accepted, WireError> {
        self.0.run(request).await.map_err(WireError::from_boxed)
    }
}

/// Made by [`from_fn`].
#[derive(Clone)]
pub struct FromFnLayer<F> {
    f: F,
}

impl<F, N> Layer<N> for FromFnLayer<F>
where
    F: Clone,
    N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Service = FromFn<F>;

    fn layer(&self, inner: N) -> FromFn<F> {
        FromFn { f: self.f.clone(), inner: Turns::new(ConnectService::new(inner)) }
    }
}

/// The service of a [`FromFnLayer`].
pub struct FromFn<F> {
    f: F,
    inner: Turns<ConnectService>,
}

impl<F, R> Service<ConnectRequest> for FromFn<F>
where
    F: FnMut(ConnectRequest, Next) -> R,
    R: Future<Output = Result<Accepted, WireError>>,
{
    type Response = Accepted;
    type Error = BoxError;
    type Future = ResponseFuture<R>;

    /// Ready as long as what is below can still be used; its own readiness is waited for by [`Next::run`].
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_usable()
    }

    fn call(&mut self, request: ConnectRequest) -> ResponseFuture<R> {
        ResponseFuture { future: (self.f)(request, Next(self.inner.turn())) }
    }
}

pin_project! {
    /// The decision of a [`FromFn`].
    pub struct ResponseFuture<R> {
        #[pin]
        future: R,
    }
}

impl<R: Future<Output = Result<Accepted, WireError>>> Future for ResponseFuture<R> {
    type Output = Result<Accepted, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(Into::into)
    }
}

macro_rules! debug {
    ($([$($g:ident)?] $Type:ident)*) => { $(
        impl$(<$g>)? fmt::Debug for $Type$(<$g>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Type)).finish_non_exhaustive()
            }
        }
    )* };
}
debug!([] Next [F] FromFnLayer [F] FromFn [R] ResponseFuture);

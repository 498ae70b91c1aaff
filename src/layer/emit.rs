//! Layers around emits from functions.
//!
//! ```
//! use tower_socketio::{Namespace, emit};
//!
//! let namespace: Namespace = Namespace::new().emit_layer(emit::from_fn(|request, next| {
//!     println!("{} to {}", request.event(), request.namespace());
//!     next.run(request)
//! }));
//! ```

use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use tower::{BoxError, Layer, Service};

use crate::hub::{EmitRequest, EmitService, Sent};

/// A layer from a function of the emit and of what comes after. It is called where the emit is, and cannot wait.
pub fn from_fn<F>(f: F) -> FromFnLayer<F>
where
    F: Fn(EmitRequest, Next) -> Sent + Clone + Send + Sync + 'static,
{
    FromFnLayer { f }
}

/// As [`from_fn`], with a state that the function gets a clone of.
pub fn from_fn_with_state<S, F>(
    state: S,
    f: F,
) -> FromFnLayer<impl Fn(EmitRequest, Next) -> Sent + Clone + Send + Sync + 'static>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, EmitRequest, Next) -> Sent + Clone + Send + Sync + 'static,
{
    from_fn(move |request, next| f(state.clone(), request, next))
}

/// The rest of the stack, to be called once or not at all.
#[derive(Debug)]
pub struct Next(EmitService);

impl Next {
    /// Runs the rest of the stack, which ends with sending.
    pub fn run(self, request: EmitRequest) -> Sent {
        self.0.send(request)
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
    N: Service<EmitRequest, Response = Sent, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
{
    type Service = FromFn<F>;

    fn layer(&self, inner: N) -> FromFn<F> {
        FromFn { f: self.f.clone(), inner: EmitService::new(inner) }
    }
}

/// The service of a [`FromFnLayer`].
#[derive(Clone)]
pub struct FromFn<F> {
    f: F,
    inner: EmitService,
}

impl<F: Fn(EmitRequest, Next) -> Sent> Service<EmitRequest> for FromFn<F> {
    type Response = Sent;
    type Error = BoxError;
    type Future = Ready<Result<Sent, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: EmitRequest) -> Self::Future {
        ready(Ok((self.f)(request, Next(self.inner.clone()))))
    }
}

impl<F> fmt::Debug for FromFnLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnLayer").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

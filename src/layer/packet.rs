//! Layers around events from async functions.
//!
//! ```
//! use tower_socketio::{Namespace, Next, PacketRequest, Reply, packet};
//!
//! async fn log(request: PacketRequest, next: Next) -> Reply {
//!     let event = request.event().to_owned();
//!     let reply = next.run(request).await;
//!     println!("{event}: {}", if reply.is_error() { "error" } else { "ok" });
//!     reply
//! }
//!
//! let namespace: Namespace = Namespace::new().packet_layer(packet::from_fn(log));
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

use crate::hub::{PacketRequest, PacketService, Reply, Turn, Turns, reply_of};

/// A layer from an async function of the event and of what comes after.
///
/// Whatever is below is used by one event at a time until it is called, in order of arrival, and by any number after
/// that. An event that goes away while it waits for what is below, by a timeout for example, leaves that with a readiness
/// that is the event's; if no other event of the socket waits for it, the socket's whole stack is made anew for the next
/// one, so that an idle socket holds no permit. A layer that counts, as tower's `RateLimit`, then counts from the start:
/// it belongs outside of what cancels.
pub fn from_fn<F, R>(f: F) -> FromFnLayer<F>
where
    F: FnMut(PacketRequest, Next) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    FromFnLayer { f }
}

/// As [`from_fn`], with a state that the function gets a clone of.
pub fn from_fn_with_state<S, F, R>(
    state: S,
    f: F,
) -> FromFnLayer<impl FnMut(PacketRequest, Next) -> R + Clone + Send + Sync + 'static>
where
    S: Clone + Send + Sync + 'static,
    F: FnMut(S, PacketRequest, Next) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let mut f = f;
    from_fn(move |request, next| f(state.clone(), request, next))
}

/// The rest of the stack, to be called once or not at all.
pub struct Next(Turn<PacketService>);

impl Next {
    /// Waits until the rest of the stack is ready, and runs it; an error of a layer there is the error reply it is to
    /// the client.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the rest was ready, the event has not been seen by it.
    pub async fn run(self, request: PacketRequest) -> Reply {
        reply_of(self.0.run(request).await)
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
    N: Service<PacketRequest, Response = Reply, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Service = FromFn<F>;

    fn layer(&self, inner: N) -> FromFn<F> {
        FromFn { f: self.f.clone(), inner: Turns::new(PacketService::new(inner)) }
    }
}

/// The service of a [`FromFnLayer`].
pub struct FromFn<F> {
    f: F,
    inner: Turns<PacketService>,
}

impl<F, R> Service<PacketRequest> for FromFn<F>
where
    F: FnMut(PacketRequest, Next) -> R,
    R: Future<Output = Reply>,
{
    type Response = Reply;
    type Error = BoxError;
    type Future = ResponseFuture<R>;

    /// Ready as long as what is below can still be used; its own readiness is waited for by [`Next::run`].
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_usable()
    }

    fn call(&mut self, request: PacketRequest) -> ResponseFuture<R> {
        ResponseFuture { future: (self.f)(request, Next(self.inner.turn())) }
    }
}

pin_project! {
    /// The reply of a [`FromFn`].
    pub struct ResponseFuture<R> {
        #[pin]
        future: R,
    }
}

impl<R: Future<Output = Reply>> Future for ResponseFuture<R> {
    type Output = Result<Reply, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(Ok)
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

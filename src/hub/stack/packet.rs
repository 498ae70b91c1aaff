use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tower::{BoxError, Layer, Service};

use super::hidden::hidden;
use crate::hub::{BoxFuture, PacketRequest, Reply, ReplyKind, WireError, panicked};

/// The services of the packet tier behind one type: what a layer around a socket's events wraps.
///
/// It belongs to one socket and is not `Clone`, so that a layer which counts does so for each socket.
pub struct PacketService(Box<dyn PacketStack>);

/// A whole stack, ready for one event at a time.
pub(crate) trait PacketStack: Send + 'static {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>;
    fn call(&mut self, request: PacketRequest) -> Replying;
}

/// What a `packet_layer` call leaves behind.
pub(crate) type WrapPacket = Arc<dyn Fn(PacketService) -> PacketService + Send + Sync>;

impl PacketService {
    /// The service that everything else is around.
    pub(crate) fn innermost(stack: impl PacketStack) -> Self {
        Self(Box::new(stack))
    }

    /// Hides the type of a service; one that has been hidden before is not boxed again.
    pub(crate) fn new<N>(service: N) -> Self
    where
        N: Service<PacketRequest, Response = Reply, Error: Into<BoxError>, Future: Send + 'static>
            + Send
            + 'static,
    {
        hidden(service).unwrap_or_else(|service| Self(Box::new(Hidden(service))))
    }
}

impl Service<PacketRequest> for PacketService {
    type Response = Reply;
    type Error = BoxError;
    type Future = Replying;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: PacketRequest) -> Replying {
        self.0.call(request)
    }
}

struct Hidden<N>(N);

impl<N> PacketStack for Hidden<N>
where
    N: Service<PacketRequest, Response = Reply, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: PacketRequest) -> Replying {
        let reply = self.0.call(request);
        Replying::layered(Box::pin(async move { reply.await.map_err(Into::into) }))
    }
}

/// The reply to an event, as it comes about.
pub struct Replying(Kind);

enum Kind {
    /// Of handlers without a layer around them.
    Handlers(BoxFuture<Reply>),
    /// Of handlers below a layer: a panic is an error reply to it.
    Wrapped(BoxFuture<Reply>),
    Layers(BoxFuture<Result<Reply, BoxError>>),
}

impl Replying {
    pub(crate) fn handlers(reply: BoxFuture<Reply>) -> Self {
        Self(Kind::Handlers(reply))
    }

    pub(crate) fn wrapped(reply: BoxFuture<Reply>) -> Self {
        Self(Kind::Wrapped(reply))
    }

    pub(crate) fn layered(reply: BoxFuture<Result<Reply, BoxError>>) -> Self {
        Self(Kind::Layers(reply))
    }

    pub(crate) fn failed(error: BoxError) -> Self {
        Self::layered(Box::pin(std::future::ready(Err(error))))
    }

    /// What the client is to be told; a panic is an error, too.
    pub(crate) fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        let poll = || match &mut self.0 {
            Kind::Handlers(reply) => reply.as_mut().poll(cx),
            _ => Pin::new(self).poll(cx).map(reply_of),
        };
        catch_unwind(AssertUnwindSafe(poll))
            .unwrap_or_else(|panic| Poll::Ready(Reply::error(panicked(&*panic))))
    }

    /// Whether layers have a say in it.
    pub(crate) fn is_layered(&self) -> bool {
        matches!(self.0, Kind::Layers(_))
    }
}

impl Future for Replying {
    type Output = Result<Reply, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Handlers(reply) => reply.as_mut().poll(cx).map(Ok),
            Kind::Wrapped(reply) => {
                let reply = match catch_unwind(AssertUnwindSafe(|| reply.as_mut().poll(cx))) {
                    Ok(reply) => ready!(reply),
                    Err(panic) => Reply::error(panicked(&*panic)),
                };
                Poll::Ready(Ok(match reply.0 {
                    ReplyKind::Error(error) => Reply::error(error.by_handler()),
                    _ => reply,
                }))
            }
            // The layers around the one that panicked are told of it as of any error.
            Kind::Layers(reply) => match catch_unwind(AssertUnwindSafe(|| reply.as_mut().poll(cx))) {
                Ok(reply) => reply,
                Err(panic) => Poll::Ready(Err(panicked(&*panic).into())),
            },
        }
    }
}

impl fmt::Debug for PacketService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketService").finish_non_exhaustive()
    }
}

impl fmt::Debug for Replying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replying").finish_non_exhaustive()
    }
}

/// Any tower layer whose service takes a [`PacketRequest`] and replies with a [`Reply`], whatever its error.
///
/// It is implemented for all of them, and by nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer around events",
    note = "it must make of a `PacketService` a `Service<PacketRequest, Response = Reply>` whose error is a `BoxError`"
)]
pub trait PacketLayer: Send + Sync + 'static {
    #[doc(hidden)]
    fn wrap(&self, inner: PacketService) -> PacketService;
}

#[diagnostic::do_not_recommend]
impl<L> PacketLayer for L
where
    L: Layer<PacketService> + Send + Sync + 'static,
    L::Service: Service<PacketRequest, Response = Reply, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    fn wrap(&self, inner: PacketService) -> PacketService {
        PacketService::new(self.layer(inner))
    }
}

/// What a layer's error is to the client.
pub(crate) fn reply_of(result: Result<Reply, BoxError>) -> Reply {
    result.unwrap_or_else(|error| Reply::error(WireError::from_boxed(error)))
}

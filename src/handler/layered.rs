use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::BoxError;

use super::bound::serve;
use super::{Arguments, Handler, Moment};
use crate::hub::{
    BoxFuture, IntoReply, PacketLayer, PacketRequest, PacketService, PacketStack, Reply, Replying, Turns,
    next_number, reply_of,
};

/// An event's handler with a layer of its own around it, made by [`Handler::layer`].
pub struct Layered<H, T> {
    handler: H,
    layer: Arc<dyn PacketLayer>,
    number: Arc<u64>,
    arguments: PhantomData<fn(T)>,
}

impl<H, T> Layered<H, T> {
    pub(super) fn new(handler: H, layer: impl PacketLayer) -> Self {
        Self { handler, layer: Arc::new(layer), number: Arc::new(next_number()), arguments: PhantomData }
    }
}

impl<H: Clone, T> Clone for Layered<H, T> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            layer: self.layer.clone(),
            number: self.number.clone(),
            arguments: PhantomData,
        }
    }
}

impl<H, T> fmt::Debug for Layered<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<H, T, S> Handler<Moment<PacketRequest, S>> for Layered<H, T>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<T, Output: IntoReply, Future: Send>,
    T: Arguments<PacketRequest, S> + Send + 'static,
{
    type Output = Reply;
    type Future = BoxFuture<Reply>;

    fn bound(self) -> Self {
        Self { handler: self.handler.bound(), number: Arc::new(next_number()), ..self }
    }

    fn call(self, Moment(request, state): Moment<PacketRequest, S>) -> BoxFuture<Reply> {
        let socket = request.socket().clone();
        let stack = socket.slot_of(&self.number, || {
            let (handler, layer) = (self.handler, self.layer);
            Turns::building(move || {
                let arguments = PhantomData::<fn(T)>;
                let inner = Innermost { handler: handler.clone(), state: state.clone(), arguments };
                layer.wrap(PacketService::innermost(inner))
            })
        });
        let turn = stack.turn();
        Box::pin(async move { reply_of(turn.run(request).await) })
    }
}

struct Innermost<H, T, S> {
    handler: H,
    state: S,
    arguments: PhantomData<fn(T)>,
}

impl<H, T, S> PacketStack for Innermost<H, T, S>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<T, Output: IntoReply, Future: Send>,
    T: Arguments<PacketRequest, S> + Send + 'static,
{
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: PacketRequest) -> Replying {
        Replying::wrapped(Box::pin(serve(self.handler.clone(), self.state.clone(), request)))
    }
}

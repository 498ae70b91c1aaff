use std::marker::PhantomData;
use std::sync::Arc;

use super::{Arguments, Handler};
use crate::hub::{BoxFuture, Endpoint, IntoReply, Occasion, Reply, ReplyKind};

/// A handler that waits for its state.
pub(crate) type Bind<C, S> = Box<dyn FnOnce(&S) -> Arc<dyn Endpoint<C>> + Send + Sync>;

/// Makes an endpoint of a handler as soon as there is a state.
pub(crate) fn bind<C, S, H, T>(handler: H) -> Bind<C, S>
where
    C: Occasion,
    S: Clone + Send + Sync + 'static,
    H: Handler<T, Output: IntoReply, Future: Send>,
    T: Arguments<C, S> + Send + 'static,
{
    let handler = handler.bound();
    Box::new(|state| Arc::new(Bound { handler, state: state.clone(), arguments: PhantomData::<fn(T)> }))
}

struct Bound<H, T, S> {
    handler: H,
    state: S,
    arguments: PhantomData<fn(T)>,
}

impl<C, S, H, T> Endpoint<C> for Bound<H, T, S>
where
    C: Occasion,
    S: Clone + Send + Sync + 'static,
    H: Handler<T, Output: IntoReply, Future: Send>,
    T: Arguments<C, S> + Send + 'static,
{
    fn call(&self, moment: C) -> BoxFuture<Reply> {
        Box::pin(serve(self.handler.clone(), self.state.clone(), moment))
    }
}

/// Extracts the arguments and runs a handler with them.
pub(super) async fn serve<C, S, H, T>(handler: H, state: S, mut moment: C) -> Reply
where
    C: Occasion,
    S: Sync,
    H: Handler<T, Output: IntoReply, Future: Send>,
    T: Arguments<C, S>,
{
    let arguments = match T::extract(&mut moment, &state).await {
        Ok(arguments) => arguments,
        Err(reply) => return reply,
    };
    let taken = moment.is_ack_taken();
    drop(moment);
    drop(state);
    let reply = handler.call(arguments).await.into_reply();
    if taken && matches!(reply.0, ReplyKind::Empty) { Reply::none() } else { reply }
}

use std::fmt;
use std::marker::PhantomData;

use super::bound::serve;
use super::{Arguments, Handler};
use crate::hub::{BoxFuture, IntoReply, Occasion, Reply};

/// A handler with a state of its own, made by [`Handler::with_state`].
pub struct WithState<H, T, S> {
    handler: H,
    state: S,
    arguments: PhantomData<fn(T)>,
}

impl<H, T, S> WithState<H, T, S> {
    pub(super) fn new(handler: H, state: S) -> Self {
        Self { handler, state, arguments: PhantomData }
    }
}

impl<H: Clone, T, S: Clone> Clone for WithState<H, T, S> {
    fn clone(&self) -> Self {
        Self::new(self.handler.clone(), self.state.clone())
    }
}

impl<H, T, S: fmt::Debug> fmt::Debug for WithState<H, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithState").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A whole moment with the namespace's state as a handler's argument; what [`WithState`] extracts from, and what the
/// layers of [`Layered`](super::Layered) get.
#[derive(Debug)]
pub struct Moment<C, S>(pub(super) C, pub(super) S);

#[diagnostic::do_not_recommend]
impl<C, N, H, T, S> Handler<Moment<C, N>> for WithState<H, T, S>
where
    C: Occasion,
    S: Clone + Send + Sync + 'static,
    H: Handler<T, Output: IntoReply, Future: Send>,
    T: Arguments<C, S> + Send + 'static,
{
    type Output = Reply;
    type Future = BoxFuture<Reply>;

    fn bound(self) -> Self {
        Self::new(self.handler.bound(), self.state)
    }

    fn call(self, Moment(moment, _): Moment<C, N>) -> BoxFuture<Reply> {
        Box::pin(serve(self.handler, self.state, moment))
    }
}

impl<C: Occasion + Clone, S: Clone + Send + Sync> Arguments<C, S> for Moment<C, S> {
    async fn extract(cx: &mut C, state: &S) -> Result<Self, Reply> {
        Ok(Self(cx.clone(), state.clone()))
    }
}

//! A layer whose readiness the test decides about.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::watch;
use tower::{BoxError, Layer, Service};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Open,
    Shut,
    /// Readiness fails so many times.
    Failing(usize),
    /// Panics so many times.
    Panicking(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Valve(watch::Sender<State>);

impl Valve {
    pub(super) fn new(state: State) -> Self {
        Self(watch::Sender::new(state))
    }

    pub(super) fn set(&self, state: State) {
        self.0.send_replace(state);
    }
}

impl<N> Layer<N> for Valve {
    type Service = Valved<N>;

    fn layer(&self, inner: N) -> Valved<N> {
        Valved { inner, valve: self.0.clone(), open: None }
    }
}

pub(super) struct Valved<N> {
    inner: N,
    valve: watch::Sender<State>,
    open: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<N, R> Service<R> for Valved<N>
where
    N: Service<R, Error: Into<BoxError>>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Future = futures_util::future::ErrInto<N::Future, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            let state = *self.valve.borrow();
            match state {
                State::Open => return self.inner.poll_ready(cx).map_err(Into::into),
                State::Shut => {
                    let mut valve = self.valve.subscribe();
                    let open = self.open.get_or_insert_with(|| {
                        Box::pin(async move { drop(valve.wait_for(|state| *state != State::Shut).await) })
                    });
                    ready!(open.as_mut().poll(cx));
                    self.open = None;
                }
                State::Failing(0) | State::Panicking(0) => {
                    self.valve.send_modify(|state| *state = State::Open)
                }
                State::Failing(times) => {
                    self.valve.send_replace(State::Failing(times - 1));
                    return Poll::Ready(Err("secret: readiness failed".into()));
                }
                State::Panicking(times) => {
                    self.valve.send_replace(State::Panicking(times - 1));
                    panic!("secret: in `poll_ready`");
                }
            }
        }
    }

    fn call(&mut self, request: R) -> Self::Future {
        futures_util::TryFutureExt::err_into(self.inner.call(request))
    }
}

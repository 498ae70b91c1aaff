use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Mutex;
use tower::{BoxError, Service};

/// A service that several callers use in turn, each for as long as it takes to get it ready and to call it.
///
/// A tower service remembers one waker, so only one may wait for readiness; the lock is fair, and they wait in order.
pub(crate) struct Turns<N>(Arc<Shared<N>>);

struct Shared<N> {
    /// Without a service if the one that was there failed, or was left with a readiness that nobody wants.
    service: Mutex<Option<N>>,
    build: Option<Box<dyn Fn() -> N + Send + Sync>>,
    /// Those who have a turn, or may come for one.
    callers: AtomicUsize,
    /// Somebody went away while he waited for readiness, and nobody has called since.
    reserved: AtomicBool,
    gone: AtomicBool,
}

/// The service has failed, and so has everything around it: the whole stack is to be made anew.
#[derive(Debug, thiserror::Error)]
#[error("a part of the stack has failed before")]
pub(crate) struct Stale;

impl<N> Turns<N> {
    /// Around a service that cannot be made again.
    pub(crate) fn new(service: N) -> Self {
        Self::with(Some(service), None)
    }

    /// Around a service that is made when it is needed, also after it has failed.
    pub(crate) fn building(build: impl Fn() -> N + Send + Sync + 'static) -> Self {
        Self::with(None, Some(Box::new(build)))
    }

    fn with(service: Option<N>, build: Option<Box<dyn Fn() -> N + Send + Sync>>) -> Self {
        Self(Arc::new(Shared {
            service: Mutex::new(service),
            build,
            callers: AtomicUsize::new(0),
            reserved: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }))
    }

    /// Whether the service is gone for good.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.build.is_none() && self.0.gone.load(Ordering::Acquire)
    }

    pub(crate) fn turn(&self) -> Turn<N> {
        self.0.callers.fetch_add(1, Ordering::AcqRel);
        Turn(self.0.clone())
    }
}

/// The right to call the service once.
pub(crate) struct Turn<N>(Arc<Shared<N>>);

impl<N> Turn<N> {
    pub(crate) async fn run<R>(self, request: R) -> Result<N::Response, BoxError>
    where
        N: Service<R, Error: Into<BoxError>>,
    {
        let response = {
            let mut place = self.0.service.lock().await;
            if let (None, Some(build)) = (&*place, &self.0.build) {
                *place = Some(build());
            }
            let mut waiting = Waiting { shared: &self.0, place: &mut place, over: false };
            let ready = poll_fn(|cx| match waiting.place {
                Some(service) => service.poll_ready(cx).map_err(Into::into),
                None => std::task::Poll::Ready(Err(BoxError::from(Stale))),
            });
            if let Err(error) = ready.await {
                waiting.fail();
                return Err(error);
            }
            let service = waiting.place.as_mut().expect("it is ready");
            let response = service.call(request);
            waiting.over = true;
            self.0.reserved.store(false, Ordering::Release);
            response
        };
        response.await.map_err(Into::into)
    }
}

impl<N> Drop for Turn<N> {
    fn drop(&mut self) {
        let last = self.0.callers.fetch_sub(1, Ordering::AcqRel) == 1;
        // What a service has reserved it gives back only by a call or by its end.
        if last
            && self.0.reserved.swap(false, Ordering::AcqRel)
            && let Ok(mut service) = self.0.service.try_lock()
        {
            *service = None;
            self.0.gone.store(true, Ordering::Release);
        }
    }
}

struct Waiting<'a, N> {
    shared: &'a Shared<N>,
    place: &'a mut Option<N>,
    over: bool,
}

impl<N> Waiting<'_, N> {
    /// A service that failed must not be used again.
    fn fail(&mut self) {
        self.over = true;
        *self.place = None;
        self.shared.gone.store(true, Ordering::Release);
    }
}

impl<N> Drop for Waiting<'_, N> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if std::thread::panicking() {
            self.fail();
        } else {
            self.shared.reserved.store(true, Ordering::Release);
        }
    }
}

impl<N> fmt::Debug for Turns<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("callers", &self.0.callers).finish_non_exhaustive()
    }
}

impl<N> Clone for Turns<N> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<N> fmt::Debug for Turn<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

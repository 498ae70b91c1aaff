use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::Mutex;
use tower::{BoxError, Service};

use super::Making;

/// A service that several callers use in turn, each for as long as it takes to get it ready and to call it.
///
/// A tower service remembers one waker, so only one may wait for readiness; the lock is fair, and they wait in order.
pub(crate) struct Turns<N>(Arc<Shared<N>>);

struct Shared<N> {
    /// Without a service if the one that was there failed, or was left with a readiness that nobody wants.
    service: Mutex<Option<N>>,
    origin: Origin<N>,
    /// Those who wait for their turn, or have it.
    waiting: AtomicUsize,
    /// Somebody went away while he waited for readiness, and nobody has called since.
    reserved: AtomicBool,
    /// A part of the service is spoilt.
    spoilt: AtomicBool,
    gone: AtomicBool,
}

enum Origin<N> {
    /// It is a part of this stack, and cannot be made again alone.
    Part(Making),
    Build(Box<dyn Fn() -> N + Send + Sync>),
}

/// The service has failed, and so has everything around it: the whole stack is to be made anew.
#[derive(Debug, thiserror::Error)]
#[error("a part of the stack has failed before")]
pub(crate) struct Stale;

impl<N: Send + 'static> Turns<N> {
    /// Around a service that is a part of the stack which is being made.
    pub(crate) fn new(service: N) -> Self {
        Self::with(Some(service), Origin::Part(Making::current()))
    }

    /// Around a service that is made when it is needed, also after it has failed.
    pub(crate) fn building(build: impl Fn() -> N + Send + Sync + 'static) -> Self {
        Self::with(None, Origin::Build(Box::new(build)))
    }

    fn with(service: Option<N>, origin: Origin<N>) -> Self {
        Self(Arc::new(Shared {
            service: Mutex::new(service),
            origin,
            waiting: AtomicUsize::new(0),
            reserved: AtomicBool::new(false),
            spoilt: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }))
    }

    /// Ready, unless the service is gone for good; its own readiness is waited for by [`Turn::run`].
    pub(crate) fn poll_usable(&self) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if self.0.gone.load(Ordering::Acquire) { Err(Stale.into()) } else { Ok(()) })
    }

    pub(crate) fn turn(&self) -> Turn<N> {
        Turn(self.0.clone())
    }
}

/// The right to call the service once.
pub(crate) struct Turn<N>(Arc<Shared<N>>);

impl<N: Send + 'static> Turn<N> {
    pub(crate) async fn run<R>(self, request: R) -> Result<N::Response, BoxError>
    where
        N: Service<R, Error: Into<BoxError>>,
    {
        let response = {
            // Given up after the lock, for it looks whether what is reserved is wanted.
            let present = Present::new(self.0);
            let shared = &present.0;
            let mut place = shared.service.lock().await;
            if let Origin::Build(build) = &shared.origin {
                if shared.spoilt.swap(false, Ordering::AcqRel) {
                    *place = None;
                }
                if place.is_none() {
                    *place = Some(shared.build(build));
                }
            }
            let mut waiting = Waiting { shared, place: &mut place, over: false };
            let ready = poll_fn(|cx| match waiting.place {
                Some(service) => service.poll_ready(cx).map_err(Into::into),
                None => Poll::Ready(Err(BoxError::from(Stale))),
            });
            if let Err(error) = ready.await {
                waiting.fail();
                return Err(error);
            }
            let service = waiting.place.as_mut().expect("it is ready");
            let response = service.call(request);
            waiting.over = true;
            shared.reserved.store(false, Ordering::Release);
            response
        };
        // What is called needs no turn: a service that nobody waits for may end while this goes on.
        response.await.map_err(Into::into)
    }
}

impl<N: Send + 'static> Shared<N> {
    fn build(self: &Arc<Self>, build: &(dyn Fn() -> N + Send + Sync)) -> N {
        let (service, making) = Making::of(build);
        if let Some(making) = making {
            let shared = Arc::downgrade(self);
            making.on_spoilt(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.spoilt.store(true, Ordering::Release);
                    shared.release();
                }
            });
        }
        service
    }
}

impl<N> Shared<N> {
    /// If nobody waits, what the service has reserved is given back: that is done only by a call or by its end.
    fn release(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return;
        }
        let unwanted = || self.reserved.load(Ordering::Acquire) || self.spoilt.load(Ordering::Acquire);
        if !unwanted() {
            return;
        }
        match &self.origin {
            Origin::Part(making) => making.spoil(),
            // Whoever has the lock looks after this when he goes.
            Origin::Build(_) => {
                if let Ok(mut service) = self.service.try_lock()
                    && unwanted()
                {
                    self.reserved.store(false, Ordering::Release);
                    self.spoilt.store(false, Ordering::Release);
                    *service = None;
                }
            }
        }
    }
}

/// Somebody waits for the service, or has it.
struct Present<N>(Arc<Shared<N>>);

impl<N> Present<N> {
    fn new(shared: Arc<Shared<N>>) -> Self {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl<N> Drop for Present<N> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.release();
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
        self.shared.reserved.store(false, Ordering::Release);
        if let Origin::Part(making) = &self.shared.origin {
            self.shared.gone.store(true, Ordering::Release);
            making.spoil();
        }
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
        f.debug_struct("Turns").field("waiting", &self.0.waiting).finish_non_exhaustive()
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

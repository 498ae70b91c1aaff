use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tower::BoxError;

use super::JwtError;
use super::keys::Key;
use crate::hub::BoxFuture;

/// The user's way to a fresh document.
pub(super) type Fetch = dyn Fn() -> BoxFuture<Result<JwkSet, BoxError>> + Send + Sync;

/// How long the way may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How a set of keys is made, and kept up to date.
#[derive(Clone, Default)]
pub(super) struct KeySource {
    pub(super) document: Option<JwkSet>,
    pub(super) fetch: Option<Arc<Fetch>>,
    pub(super) interval: Duration,
    pub(super) max_age: Duration,
    pub(super) symmetric: bool,
}

/// A set of keys that replaces itself.
pub(super) struct KeySet {
    source: KeySource,
    keys: RwLock<Arc<[Key]>>,
    state: Mutex<State>,
}

struct State {
    started: Option<Instant>,
    /// When the keys in use came.
    loaded: Instant,
    /// The last attempt was in vain, or is still under way.
    failed: bool,
    /// Closed when the attempt is over.
    flight: Option<watch::Receiver<()>>,
}

impl KeySet {
    pub(super) fn new(source: KeySource) -> Arc<Self> {
        let keys = source.document.as_ref().map(|document| usable(document, source.symmetric));
        let state = State { started: None, loaded: Instant::now(), failed: false, flight: None };
        Arc::new(Self { source, keys: RwLock::new(keys.unwrap_or_default()), state: Mutex::new(state) })
    }

    /// Whether a key of the set signed the message; `Err` if it might be one that could not be fetched.
    pub(super) async fn verifies(
        self: &Arc<Self>,
        algorithm: Algorithm,
        kid: Option<&str>,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> Result<bool, JwtError> {
        if self.is_stale() {
            drop(self.refresh());
        }
        let known = self.keys();
        let tried = |keys: &[Key]| {
            let alone = keys.len() == 1;
            let mut fitting = keys.iter().filter(|key| key.fits(algorithm, kid, alone));
            fitting.any(|key| key.verifies(message, signature))
        };
        if tried(&known) {
            return Ok(true);
        }
        let is_unknown = match kid {
            Some(kid) => !known.iter().any(|key| key.kid.as_deref() == Some(kid)),
            None => known.is_empty(),
        };
        if !is_unknown || self.source.fetch.is_none() {
            return Ok(false);
        }
        if let Some(mut flight) = self.refresh() {
            while flight.changed().await.is_ok() {}
        }
        let fresh = self.keys();
        if tried(&fresh) {
            return Ok(true);
        }
        if self.lock().failed { Err(JwtError::Unavailable) } else { Ok(false) }
    }

    fn is_stale(&self) -> bool {
        self.source.fetch.is_some() && self.lock().loaded.elapsed() >= self.source.max_age
    }

    /// Starts an attempt, or joins the one under way; `None` if the last one is too recent for another.
    fn refresh(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.lock();
        if let Some(flight) = &state.flight
            && flight.has_changed().is_ok()
        {
            return Some(flight.clone());
        }
        if state.started.is_some_and(|started| started.elapsed() < self.source.interval) {
            return None;
        }
        let fetch = self.source.fetch.clone()?;
        let (under_way, flight) = watch::channel(());
        (state.started, state.failed, state.flight) = (Some(Instant::now()), true, Some(flight.clone()));
        drop(state);
        let set = self.clone();
        // A task of its own: clients that leave must not be able to break it off.
        tokio::spawn(async move {
            match fetched(&*fetch).await {
                Ok(document) => set.replace(&document),
                Err(error) => {
                    tracing::warn!(target: "socketio::jwt", %error, "keys could not be refreshed");
                }
            }
            drop(under_way);
        });
        Some(flight)
    }

    fn replace(&self, document: &JwkSet) {
        let keys = usable(document, self.source.symmetric);
        tracing::debug!(target: "socketio::jwt", keys = keys.len(), "keys refreshed");
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        let mut state = self.lock();
        (state.failed, state.loaded) = (false, Instant::now());
    }

    fn keys(&self) -> Arc<[Key]> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetched(fetch: &Fetch) -> Result<JwkSet, BoxError> {
    let fetching = AssertUnwindSafe(timeout(FETCH_TIMEOUT, async { fetch().await }));
    match fetching.catch_unwind().await {
        Ok(result) => result?,
        Err(_) => Err("the source panicked".into()),
    }
}

fn usable(document: &JwkSet, symmetric: bool) -> Arc<[Key]> {
    let keys: Arc<[_]> = document.keys.iter().filter_map(|jwk| Key::from_jwk(jwk, symmetric)).collect();
    if keys.len() < document.keys.len() {
        let skipped = document.keys.len() - keys.len();
        tracing::debug!(target: "socketio::jwt", skipped, "keys of the set that are of no use here");
    }
    keys
}

use std::ops::BitAnd;

use axum::Router;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, StatusCode};
use axum::routing::get;

use super::HostHandle;

/// How a host or a service feels; by default well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// It works as it should.
    pub healthy: bool,
    /// It takes clients.
    pub ready: bool,
    /// It does not have to be started again.
    pub live: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self { healthy: true, ready: true, live: true }
    }
}

/// What holds for both.
impl BitAnd for Health {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self {
            healthy: self.healthy && other.healthy,
            ready: self.ready && other.ready,
            live: self.live && other.live,
        }
    }
}

impl HostHandle {
    /// `/healthy`, `/ready` and `/live`: 200 or 503, not to be cached. For a server that is not the host's own, and one
    /// that listens before the host has started.
    pub fn health_routes<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let route = |part: fn(Health) -> bool| {
            let handle = self.clone();
            get(async move || answer(part(handle.health())))
        };
        Router::new()
            .route("/healthy", route(|health| health.healthy))
            .route("/ready", route(|health| health.ready))
            .route("/live", route(|health| health.live))
    }
}

fn answer(well: bool) -> (StatusCode, [(HeaderName, &'static str); 1], &'static str) {
    let (status, text) = if well { (StatusCode::OK, "yes") } else { (StatusCode::SERVICE_UNAVAILABLE, "no") };
    (status, [(CACHE_CONTROL, "no-store")], text)
}

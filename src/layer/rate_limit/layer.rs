use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::key::{By, Kind, Whose};
use super::limit::{Limit, Settings};
use super::service::RateLimit;
use super::store::{Rate, RateStore};

/// What happens to what finds its limit reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Beyond {
    /// It is refused: `rate_limited`, with `data: {retry_after: seconds}`.
    #[default]
    Refuse,
    /// An event is dropped, and nobody answers it. A CONNECT is refused, as its client waits for a word.
    Drop,
    /// It waits until there is enough, in order of arrival for each socket. What still waits when its socket leaves is
    /// dropped.
    Wait,
    /// It is refused, and the connection is closed.
    Disconnect,
}

/// Limits how often something is done, around events or around CONNECTs.
///
/// Settings come before clones: a setter starts counters of its own. A limit of nothing lets nothing through. What costs
/// more than the burst never passes: it has no `retry_after`, and [`Beyond::Wait`] refuses it, as waiting would not help.
///
/// See [`rate_limit`](crate::rate_limit) for an example and for whose limit it is.
#[must_use = "a layer does nothing before a server or a namespace has it"]
pub struct RateLimitLayer<K = Whose> {
    key: Arc<K>,
    limit: Arc<Limit>,
}

impl RateLimitLayer {
    /// So many in each period from one socket; around CONNECTs, from one connection.
    pub fn per_socket(number: u32, period: Duration) -> Self {
        Self::new(Whose(Kind::Socket), number, period)
    }

    /// So many in each period from one user, as [`set_user`](crate::Socket::set_user) says who that is.
    pub fn per_user(number: u32, period: Duration) -> Self {
        Self::new(Whose(Kind::User), number, period)
    }

    /// So many in each period from one address.
    pub fn per_address(number: u32, period: Duration) -> Self {
        Self::new(Whose(Kind::Address), number, period)
    }

    /// So many in each period in one namespace.
    pub fn per_namespace(number: u32, period: Duration) -> Self {
        Self::new(Whose(Kind::Namespace), number, period)
    }
}

impl<R> RateLimitLayer<By<R>> {
    /// So many in each period of one key, read from a [`PacketRequest`](crate::PacketRequest) or a
    /// [`ConnectRequest`](crate::ConnectRequest).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_socketio::{Namespace, PacketRequest, RateLimitLayer};
    ///
    /// let each_event = |request: &PacketRequest| {
    ///     Some(format!("{} {}", request.socket().user()?, request.event()))
    /// };
    /// let namespace: Namespace =
    ///     Namespace::new().packet_layer(RateLimitLayer::by(5, Duration::from_secs(1), each_event));
    /// ```
    pub fn by(
        number: u32,
        period: Duration,
        key: impl Fn(&R) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(By(Box::new(key)), number, period)
    }
}

impl<K> RateLimitLayer<K> {
    fn new(key: K, number: u32, period: Duration) -> Self {
        let rate = Rate { number, period, burst: number };
        let settings = Settings { rate, bytes: false, beyond: Beyond::default(), store: None };
        Self { key: Arc::new(key), limit: Arc::new(Limit::new(settings)) }
    }

    /// So many at once, after a rest (default: as many as in a period).
    pub fn burst(self, number: u32) -> Self {
        self.with(|settings| settings.rate.burst = number)
    }

    /// Counts bytes: an event costs its [`size`](crate::PacketRequest::size) and a CONNECT that of its `auth`, and each
    /// at least one.
    pub fn bytes(self) -> Self {
        self.with(|settings| settings.bytes = true)
    }

    /// What happens to what finds the limit reached (default: it is refused).
    pub fn beyond(self, beyond: Beyond) -> Self {
        self.with(|settings| settings.beyond = beyond)
    }

    /// Counts in a place that several nodes share (default: in the memory of this one).
    pub fn store(self, store: impl RateStore) -> Self {
        self.with(|settings| settings.store = Some(Arc::new(store)))
    }

    fn with(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.limit.settings.clone();
        set(&mut settings);
        Self { key: self.key, limit: Arc::new(Limit::new(settings)) }
    }
}

impl<K, N: Send + 'static> Layer<N> for RateLimitLayer<K> {
    type Service = RateLimit<K, N>;

    fn layer(&self, inner: N) -> RateLimit<K, N> {
        RateLimit::new(self.key.clone(), self.limit.clone(), inner)
    }
}

impl<K> Clone for RateLimitLayer<K> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), limit: self.limit.clone() }
    }
}

impl<K> fmt::Debug for RateLimitLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").field("settings", &self.limit.settings).finish_non_exhaustive()
    }
}

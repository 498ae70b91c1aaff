use std::future::Future;
use std::time::Duration;

use tower::BoxError;

/// How much a limit lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// So much in each period.
    pub number: u32,
    /// How long that is.
    pub period: Duration,
    /// So much at once, after a rest.
    pub burst: u32,
}

/// What a [`RateStore`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was there, and is taken.
    Granted,
    /// There is too little, and nothing is taken; it may be there after so long.
    After(Duration),
}

/// Counts for a [`RateLimitLayer`](crate::RateLimitLayer) in a place that several nodes share, a Redis for example.
///
/// A store that fails, or takes longer than a second, is left alone for a second, and the node counts in its own memory: a
/// limit then still holds, on each node. What is counted for a single socket or connection never leaves the node.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// use tower_socketio::{Namespace, Rate, RateLimitLayer, RateStore, Taken};
///
/// /// So much in all, and never again.
/// #[derive(Default)]
/// struct Quotas(Mutex<HashMap<String, u32>>);
///
/// impl RateStore for Quotas {
///     async fn take(
///         &self,
///         key: &str,
///         cost: u32,
///         rate: Rate,
///     ) -> Result<Taken, Box<dyn std::error::Error + Send + Sync>> {
///         let mut quotas = self.0.lock().map_err(|_| "a quota is broken")?;
///         let used = quotas.entry(key.to_owned()).or_default();
///         if *used + cost > rate.burst {
///             return Ok(Taken::After(rate.period));
///         }
///         *used += cost;
///         Ok(Taken::Granted)
///     }
/// }
///
/// let limit = RateLimitLayer::per_user(1000, Duration::from_secs(86_400)).store(Quotas::default());
/// let namespace: Namespace = Namespace::new().packet_layer(limit);
/// ```
pub trait RateStore: Send + Sync + 'static {
    /// Takes `cost` from what this key has left.
    ///
    /// The key says of what kind it is, `user:ada`, `address:192.0.2.7`, `address:2001:db8::` (of IPv6 the /64),
    /// `namespace:/chat` or `by:` and your own; limits that share a store, and whose keys are of one kind, need stores
    /// that tell them apart. The cost is never larger than the burst.
    ///
    /// # Errors
    ///
    /// Any error; it is logged, and the node's own memory decides.
    fn take(&self, key: &str, cost: u32, rate: Rate) -> impl Future<Output = Result<Taken, BoxError>> + Send;
}

/// A [`RateStore`] behind a pointer.
pub(super) trait AnyStore: Send + Sync {
    fn take<'a>(&'a self, key: &'a str, cost: u32, rate: Rate) -> Taking<'a>;
}

type Taking<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Taken, BoxError>> + Send + 'a>>;

impl<T: RateStore> AnyStore for T {
    fn take<'a>(&'a self, key: &'a str, cost: u32, rate: Rate) -> Taking<'a> {
        Box::pin(RateStore::take(self, key, cost, rate))
    }
}

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;

use super::adapter::ClusterAdapter;
use super::outage::Vitals;
use crate::{Adapter, Bus};

/// Makes the adapters of a node that shares its namespaces with others, over a [`Bus`].
///
/// Each namespace is a node of its own, with an id, a subscription and, where the bus does not count nodes, heartbeats:
/// with very many dynamic namespaces let a carrier count, or set a longer
/// [`heartbeat_interval`](Self::heartbeat_interval).
///
/// Cloning is cheap, and the counters are those of all clones. Everything ends when the adapters are dropped.
///
/// ```
/// use tower_socketio_adapter::{Cluster, LocalBus};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cluster = Cluster::new(LocalBus::new());
/// let adapter = cluster.adapter("/chat");
/// assert_eq!(adapter.server_count().await.unwrap(), 1);
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a cluster does nothing before a server has it"]
pub struct Cluster {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) runtime: Handle,
    pub(super) vitals: Arc<Vitals>,
    pub(super) options: Options,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) heartbeat_interval: Duration,
    pub(super) heartbeat_timeout: Duration,
    pub(super) settle_time: Duration,
    pub(super) request_timeout: Duration,
    pub(super) publish_budget: usize,
    pub(super) max_message: usize,
}

/// No duration from a program or another node is taken for longer: a day.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60 * 24);

/// Nor for shorter, where something is done that often.
const SHORTEST: Duration = Duration::from_millis(10);

impl Cluster {
    /// Creates a cluster over a bus, with the options at their defaults.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, which it runs its tasks on.
    pub fn new(bus: impl Bus) -> Self {
        Self {
            bus: Arc::new(bus),
            runtime: Handle::current(),
            vitals: Arc::default(),
            options: Options {
                heartbeat_interval: Duration::from_secs(5),
                heartbeat_timeout: Duration::from_secs(10),
                settle_time: Duration::from_millis(500),
                request_timeout: Duration::from_secs(5),
                publish_budget: 16 << 20,
                max_message: 64 << 20,
            },
        }
    }

    /// After how much silence a node says that it is still there (default: 5 s); the same on all nodes.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.options.heartbeat_interval = interval.clamp(SHORTEST, LONGEST);
        self
    }

    /// After how much silence a node counts as gone and is waited for no more (default: 10 s).
    ///
    /// It must be longer than the interval, or nodes come and go all the time.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.options.heartbeat_timeout = timeout.clamp(SHORTEST, LONGEST);
        self
    }

    /// How long others have to say that they are there when this node comes into a namespace or comes back to it (default:
    /// 500 ms); so long its requests wait for nodes that it does not know yet.
    ///
    /// Zero is what Node does: such requests are answered by this node alone. Without effect where the bus counts nodes.
    pub fn settle_time(mut self, time: Duration) -> Self {
        self.options.settle_time = time.min(LONGEST);
        self
    }

    /// How long other nodes may take to answer where a request does not say so itself (default: 5 s), and the bus to take
    /// a message or a subscription.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.options.request_timeout = timeout.clamp(SHORTEST, LONGEST);
        self
    }

    /// How many bytes may wait to be published in one namespace (default: 16 MiB).
    ///
    /// What does not fit is not published, counted as [`unpublished`](Self::unpublished) and logged; a request among it
    /// fails at once. A single message is accepted whatever its size when nothing else waits.
    pub fn publish_budget(mut self, bytes: usize) -> Self {
        self.options.publish_budget = bytes;
        self
    }

    /// The largest message in bytes that is taken from another node (default: 64 MiB); larger ones are ignored.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.options.max_message = bytes;
        self
    }

    /// Makes the adapter of a namespace on this node.
    ///
    /// It is alone until it is [opened](Adapter::open), which the server does.
    pub fn adapter(&self, namespace: &str) -> Arc<dyn Adapter> {
        Arc::new(ClusterAdapter::new(self, namespace))
    }

    /// Returns whether the bus is down, as far as is known, for at least one namespace.
    pub fn is_down(&self) -> bool {
        self.vitals.down.load(Ordering::Relaxed) > 0
    }

    /// Returns how often the bus went down.
    pub fn outages(&self) -> u64 {
        self.vitals.outages.load(Ordering::Relaxed)
    }

    /// Returns how many messages were not published: the bus was down or did not take them, or too much was waiting.
    pub fn unpublished(&self) -> u64 {
        self.vitals.unpublished.load(Ordering::Relaxed)
    }

    /// Returns how many messages from other nodes were ignored because they were malformed or repeated, or larger or more
    /// than is taken.
    pub fn ignored(&self) -> u64 {
        self.vitals.ignored.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("bus", &self.bus)
            .field("options", &self.options)
            .field("outages", &self.outages())
            .field("unpublished", &self.unpublished())
            .field("ignored", &self.ignored())
            .finish_non_exhaustive()
    }
}

use std::sync::Arc;

use crate::{Adapter, Cluster};

/// Makes the adapter of each namespace, from its name.
///
/// A [`Cluster`] does; implement it for adapters of one's own that wrap those of a cluster.
pub trait MakeAdapter: Send + Sync + 'static {
    /// Makes the adapter of a namespace.
    ///
    /// It is called with locks held: it must not call the server, and must not panic.
    fn make(&self, namespace: &str) -> Arc<dyn Adapter>;

    /// Whether adapters speak to other nodes, where a namespace may have sockets that has none here (default: no).
    fn is_clustered(&self) -> bool {
        false
    }
}

impl MakeAdapter for Cluster {
    fn make(&self, namespace: &str) -> Arc<dyn Adapter> {
        self.adapter(namespace)
    }

    fn is_clustered(&self) -> bool {
        true
    }
}

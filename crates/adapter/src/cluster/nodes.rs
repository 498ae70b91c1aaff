use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The id of a node in a namespace.
pub(super) type Node = Arc<str>;

/// More are not kept: their messages are taken, but nobody waits for them.
pub(super) const MOST_NODES: usize = 1024;

/// The other nodes, as far as they have said so, and when each spoke last.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<HashMap<Node, Instant>>);

impl Nodes {
    /// A node spoke; returns whether it is news that it exists.
    pub(super) fn spoke(&self, node: &Node, now: Instant) -> bool {
        let mut nodes = self.lock();
        if let Some(last) = nodes.get_mut(node) {
            *last = now;
            return false;
        }
        let room = nodes.len() < MOST_NODES;
        if room {
            nodes.insert(node.clone(), now);
        }
        room
    }

    pub(super) fn remove(&self, node: &Node) {
        self.lock().remove(node);
    }

    pub(super) fn all(&self) -> HashSet<Node> {
        self.lock().keys().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Removes those that have been silent for so long, and returns them and when the next one will have been.
    pub(super) fn expire(&self, now: Instant, timeout: Duration) -> (Vec<Node>, Option<Instant>) {
        let mut nodes = self.lock();
        let gone: Vec<_> =
            nodes.iter().filter(|(_, last)| **last + timeout <= now).map(|(node, _)| node.clone()).collect();
        nodes.retain(|_, last| *last + timeout > now);
        let next = nodes.values().min().map(|last| *last + timeout);
        (gone, next)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Node, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

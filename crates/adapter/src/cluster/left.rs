use std::collections::HashSet;

use super::nodes::{MOST_NODES, Node};

/// Which nodes have yet to answer a request.
#[derive(Debug)]
pub(super) enum Left {
    /// These.
    Nodes(HashSet<Node>),
    /// So many but those that were heard, as soon as they have been counted.
    Counted { expected: Option<usize>, heard: HashSet<Node> },
}

impl Left {
    /// A node has answered, or will not; returns whether it was waited for.
    pub(super) fn strike(&mut self, node: &Node) -> bool {
        match self {
            Self::Nodes(nodes) => nodes.remove(node),
            Self::Counted { heard, .. } => heard.len() < MOST_NODES && heard.insert(node.clone()),
        }
    }

    /// The nodes were counted, this one not included.
    pub(super) fn count(&mut self, nodes: usize) {
        if let Self::Counted { expected, .. } = self {
            *expected = Some(nodes.min(MOST_NODES));
        }
    }

    /// Whether the nodes are still being counted.
    pub(super) fn is_estimate(&self) -> bool {
        matches!(self, Self::Counted { expected: None, .. })
    }

    /// How many have yet to answer; at least one while they are being counted.
    pub(super) fn number(&self) -> usize {
        match self {
            Self::Nodes(nodes) => nodes.len(),
            Self::Counted { expected: None, .. } => 1,
            Self::Counted { expected: Some(expected), heard } => expected.saturating_sub(heard.len()),
        }
    }
}

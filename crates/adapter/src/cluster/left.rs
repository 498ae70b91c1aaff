use std::collections::HashSet;

use super::nodes::{MOST_NODES, Node};

/// Which nodes have yet to answer a request.
#[derive(Debug)]
pub(super) enum Left {
    /// These, and those that are still to say that they are there.
    Nodes { nodes: HashSet<Node>, settled: bool },
    /// So many but those that were heard, as soon as they have been counted.
    Counted { expected: Option<Number>, heard: HashSet<Node>, lost: bool },
}

/// How many nodes there are but this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// So many have got the question. Those of them that leave answer before.
    Reached(usize),
    /// There were so many when they were counted, not long after it was asked.
    Counted(usize),
}

impl Number {
    fn get(self) -> usize {
        let (Self::Reached(nodes) | Self::Counted(nodes)) = self;
        nodes.min(MOST_NODES)
    }
}

impl Left {
    /// A node has answered, or will not; returns whether it was waited for.
    pub(super) fn strike(&mut self, node: &Node) -> bool {
        match self {
            Self::Nodes { nodes, .. } => nodes.remove(node),
            Self::Counted { heard, .. } => heard.len() < MOST_NODES && heard.insert(node.clone()),
        }
    }

    /// A node has taken its leave or fallen silent; returns whether it was waited for.
    ///
    /// Before the nodes have been counted nobody knows whether it will be among them: they are to be counted again. Of
    /// those that have got the question it is none, or it has answered.
    pub(super) fn lose(&mut self, node: &Node) -> bool {
        match self {
            Self::Counted { expected: None, lost, .. } => {
                *lost = true;
                false
            }
            Self::Counted { expected: Some(Number::Reached(_)), .. } => false,
            _ => self.strike(node),
        }
    }

    /// Whether a node was lost since this was asked the last time, before they have been counted.
    pub(super) fn has_lost(&mut self) -> bool {
        match self {
            Self::Counted { lost, .. } => std::mem::take(lost),
            Self::Nodes { .. } => false,
        }
    }

    /// A node has said for the first time that it is there; returns whether it is waited for, too.
    pub(super) fn add(&mut self, node: &Node) -> bool {
        match self {
            Self::Nodes { nodes, settled: false } => nodes.len() < MOST_NODES && nodes.insert(node.clone()),
            _ => false,
        }
    }

    /// All nodes have said that they are there, or were counted, this one not included.
    pub(super) fn settle(&mut self, number: Option<Number>) {
        match self {
            Self::Nodes { settled, .. } => *settled = true,
            Self::Counted { expected, .. } => *expected = number,
        }
    }

    /// Whether there may be more than are known.
    pub(super) fn is_estimate(&self) -> bool {
        matches!(self, Self::Nodes { settled: false, .. } | Self::Counted { expected: None, .. })
    }

    /// How many have yet to answer; at least one while that is an estimate.
    pub(super) fn number(&self) -> usize {
        match self {
            Self::Nodes { nodes, settled } => nodes.len().max(usize::from(!settled)),
            Self::Counted { expected: None, .. } => 1,
            Self::Counted { expected: Some(expected), heard, .. } => {
                expected.get().saturating_sub(heard.len())
            }
        }
    }
}

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Message;

/// Whom a message is for.
///
/// A carrier may bring it to more nodes than that, which pass it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum To<'a> {
    /// For all nodes of the namespace.
    All,
    /// For nodes with sockets in this room, by its [wire name](crate::Room::wire_name): a broadcast to exactly one room
    /// which asks nothing.
    Room(&'a str),
    /// For this node: an answer.
    Node(&'a str),
}

/// A message on its way out, and whom it is for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Posting<'a> {
    /// The message.
    pub message: &'a Message,
    /// Whom it is for.
    pub to: To<'a>,
    /// How many nodes it was brought to; 0 is unknown.
    reached: Option<&'a AtomicUsize>,
}

impl<'a> Posting<'a> {
    /// Puts a message and its address together.
    pub fn new(message: &'a Message, to: To<'a>) -> Self {
        Self { message, to, reached: None }
    }

    /// Has it noted how many nodes it was brought to.
    pub(crate) fn counting(self, reached: &'a AtomicUsize) -> Self {
        Self { reached: Some(reached), ..self }
    }

    /// Whether all nodes are asked something, and those that answer are to be [counted](crate::Bus::count).
    pub fn is_counted(&self) -> bool {
        self.reached.is_some()
    }

    /// Says how many nodes the message was brought to, the asking one included, in place of a [count](crate::Bus::count).
    ///
    /// Carriers say so that know it of the very moment of publication: between that and a count nodes come and go.
    pub fn reached(&self, nodes: usize) {
        if let Some(reached) = self.reached {
            reached.store(nodes, Ordering::Relaxed);
        }
    }
}

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
}

impl<'a> Posting<'a> {
    /// Puts a message and its address together.
    pub fn new(message: &'a Message, to: To<'a>) -> Self {
        Self { message, to }
    }
}

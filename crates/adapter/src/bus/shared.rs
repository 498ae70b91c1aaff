use std::sync::Arc;

use super::{Bus, BusError, Inbox, Membership, Message, Offset, Posting, Sessions, To};
use crate::BoxFuture;

/// A bus that several have.
impl<B: Bus + ?Sized> Bus for Arc<B> {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        (**self).open(namespace, node, inbox)
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        (**self).publish(message, to)
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        (**self).publish_all(postings)
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        (**self).close(namespace, node)
    }

    fn membership(&self) -> Membership {
        (**self).membership()
    }

    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        (**self).count(namespace)
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        (**self).sessions()
    }

    fn room_opened(&self, namespace: &str, node: &str, room: &str) {
        (**self).room_opened(namespace, node, room);
    }

    fn room_closed(&self, namespace: &str, node: &str, room: &str) {
        (**self).room_closed(namespace, node, room);
    }
}

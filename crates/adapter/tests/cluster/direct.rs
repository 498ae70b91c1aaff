//! A bus to a test that speaks to the node itself.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tower_socketio_adapter::{
    BoxFuture, Bus, BusError, Cluster, Inbox, Incoming, Message, MessageKind, Offset, To,
};

use crate::support::{Node, settle};

#[derive(Debug)]
struct Direct {
    inbox: Arc<Mutex<Option<Inbox>>>,
}

impl Bus for Direct {
    fn open<'a>(&'a self, _: &'a str, _: &'a str, inbox: Inbox) -> BoxFuture<'a, Result<(), BusError>> {
        *self.inbox.lock().unwrap() = Some(inbox);
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(&'a self, _: &'a Message, _: To<'a>) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async { Ok(None) })
    }
}

/// A node of small messages and the inbox it gave to its bus.
pub(crate) async fn direct() -> (Node, Inbox) {
    direct_to(|cluster| cluster.max_message(1000)).await
}

pub(crate) async fn direct_to(set: impl FnOnce(Cluster) -> Cluster) -> (Node, Inbox) {
    let inbox = Arc::new(Mutex::new(None));
    let node = Node::of(set(Cluster::new(Direct { inbox: inbox.clone() })), "/");
    settle().await;
    let inbox = inbox.lock().unwrap().clone().expect("the node has subscribed");
    (node, inbox)
}

pub(crate) fn incoming(kind: MessageKind, id: &str, data: impl Into<Bytes>) -> Incoming {
    Message::new(kind, None, id.into(), data.into(), Vec::new()).into()
}

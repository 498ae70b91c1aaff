use std::sync::Arc;

use tower_socketio_adapter::{BoxFuture, Bus, BusError, Inbox, Membership, Message, Offset, Posting, To};

use crate::channel::Channel;
use crate::listener::Listener;
use crate::note::{Limits, Note};
use crate::publisher::Publisher;

/// Carries messages through Postgres.
#[derive(Debug)]
pub(crate) struct PostgresBus {
    pub(crate) listener: Listener,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) prefix: Box<str>,
    pub(crate) limits: Limits,
}

impl PostgresBus {
    fn channel(&self, namespace: &str) -> Channel {
        Channel::new(&self.prefix, namespace)
    }

    fn note(&self, message: &Message) -> Result<Note, BusError> {
        let namespace = message.namespace.as_deref().unwrap_or("/");
        Note::new(message, self.channel(namespace), self.limits)
    }
}

impl Bus for PostgresBus {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { self.listener.open(&self.channel(namespace), namespace, node, inbox).await })
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async move {
            let mut results = self.publish_all(&[Posting::new(message, to)]).await;
            results.pop().unwrap_or(Ok(None))
        })
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        Box::pin(async move {
            let notes = postings.iter().map(|posting| self.note(posting.message)).collect();
            let results = self.publisher.publish(notes).await;
            let is_out = postings.iter().zip(&results).rfind(|(_, result)| result.is_ok());
            if let Some(namespace) = is_out.and_then(|(posting, _)| posting.message.namespace.as_deref()) {
                self.listener.published(&self.channel(namespace));
            }
            results.into_iter().map(|result| result.map(|()| None)).collect()
        })
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.listener.close(&self.channel(namespace), namespace, node).await })
    }

    fn membership(&self) -> Membership {
        Membership::Heartbeat
    }
}

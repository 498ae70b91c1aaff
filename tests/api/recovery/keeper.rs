use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_socketio::LocalBus;
use tower_socketio::adapter::{
    BoxFuture, Bus, BusError, Inbox, Message, Offset, Posting, Sessions, StoredSession, To,
};

/// A bus whose sessions say nothing while they are silent, and bring what they have taken a moment later.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    bus: LocalBus,
    moment: Duration,
    silent: Arc<AtomicBool>,
}

impl Keeper {
    pub(crate) fn new(bus: LocalBus, moment: Duration) -> Self {
        Self { bus, moment, silent: Arc::default() }
    }

    pub(crate) fn silence(&self, on: bool) {
        self.silent.store(on, Ordering::Relaxed);
    }

    async fn speaks(&self) {
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }

    fn sessions(&self) -> &dyn Sessions {
        self.bus.sessions().expect("it has a journal")
    }
}

impl Bus for Keeper {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        self.bus.open(namespace, node, inbox)
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        self.bus.publish(message, to)
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        self.bus.publish_all(postings)
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        Some(self)
    }
}

impl Sessions for Keeper {
    fn save<'a>(
        &'a self,
        session: &'a StoredSession,
        window: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            self.speaks().await;
            self.sessions().save(session, window).await
        })
    }

    fn take<'a>(&'a self, pid: &'a str) -> BoxFuture<'a, Result<Option<StoredSession>, BusError>> {
        Box::pin(async move {
            self.speaks().await;
            let taken = self.sessions().take(pid).await;
            tokio::time::sleep(self.moment).await;
            taken
        })
    }
}

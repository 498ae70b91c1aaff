use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{RedisResult, cmd};
use tower_socketio_adapter::{BusError, Inbox, Offset};

use super::commands::{self, entries};
use super::inner::Inner;
use super::names::Number;
use super::reader::Reader;
use crate::connection::Job;
use crate::subscriptions::{Seat, Topic};

/// Interrupts a subscription when it is dropped, as the one who opened it does not listen any more.
struct Opening<'a> {
    inner: &'a Inner,
    namespace: &'a str,
    node: &'a str,
    done: bool,
}

/// Ends a subscription when it is dropped.
struct Closing<'a> {
    inner: &'a Inner,
    namespace: &'a str,
    node: &'a str,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.inner.positions().close(self.namespace, self.node);
        self.inner.wake.send_replace(());
    }
}

impl Inner {
    /// Subscribes a node, and resolves when it has heard everything up to now.
    ///
    /// # Cancel safety
    ///
    /// What it has heard until then it does not hear again when it is opened the next time.
    pub(super) async fn open(
        self: &Arc<Self>,
        namespace: &str,
        node: &str,
        inbox: Inbox,
    ) -> Result<(), BusError> {
        let names = &self.options.names;
        let (sources, home): (Vec<Number>, _) = (names.sources(namespace).collect(), names.home(namespace));
        let mut from = None;
        if let Some(history) = inbox.history().filter(|_| !self.positions().is_known(namespace, node)) {
            let (place, complete) = self.ago(home, history).await.map_err(BusError::down)?;
            inbox.begin(complete);
            from = Some(place);
        }
        let key: Arc<str> = namespace.into();
        let mut progress = self.progress.subscribe();
        loop {
            self.start(&sources).await.map_err(BusError::down)?;
            let mut positions = self.positions();
            // A reader may have ended that nobody needed yet.
            if !positions.are_running(&sources) {
                continue;
            }
            let Some(missed) = positions.missed(namespace, node) else {
                positions.open(&key, node, inbox, &sources, home, from);
                break;
            };
            drop(positions);
            inbox.begin(missed);
        }
        let mut opening = Opening { inner: self, namespace, node, done: false };
        self.wake.send_replace(());
        self.listen(&Seat::new(namespace, node)).await.map_err(BusError::down)?;
        while !self.positions().is_caught_up(namespace, node).ok_or_else(interrupted)? {
            progress.changed().await.map_err(BusError::down)?;
        }
        opening.done = true;
        Ok(())
    }

    /// Ends a subscription.
    pub(super) async fn close(&self, namespace: &str, node: &str) {
        // Last, as what comes on the channels until then is for it.
        let _closing = Closing { inner: self, namespace, node };
        self.channels.close(&Seat::new(namespace, node)).await;
    }

    /// Begins to read the streams that are not read yet.
    async fn start(self: &Arc<Self>, streams: &[Number]) -> RedisResult<()> {
        if self.positions().are_running(streams) {
            return Ok(());
        }
        let _starting = self.starting.lock().await;
        let resting: Vec<_> =
            streams.iter().copied().filter(|&stream| !self.positions().are_running(&[stream])).collect();
        try_join_all(resting.into_iter().map(|stream| Reader::start(self.clone(), stream))).await?;
        Ok(())
    }

    /// Subscribes to the channels of a node. What comes on them is for the inbox that the node has then.
    async fn listen(self: &Arc<Self>, seat: &Seat) -> RedisResult<()> {
        let names = &self.options.names;
        let channels =
            [names.public_channel(&seat.namespace), names.private_channel(&seat.namespace, &seat.node)];
        let topics = channels.into_iter().map(|name| Topic::new(self.options.kind(), name)).collect();
        let (inner, Seat { namespace, node }) = (Arc::downgrade(self), seat.clone());
        let inbox = Inbox::new(move |incoming| {
            let Some(inner) = inner.upgrade() else { return };
            match incoming {
                Ok(incoming) => {
                    let inbox = inner.positions().inbox(&namespace, &node);
                    inbox.into_iter().for_each(|inbox| inbox.message(incoming.clone()));
                }
                Err(error) => inner.interrupt(&namespace, &node, Some(error)),
            }
        });
        let (inner, Seat { namespace, node }) = (Arc::downgrade(self), seat.clone());
        let inbox = inbox.with_malformed(move || {
            let inbox = inner.upgrade().and_then(|inner| inner.positions().inbox(&namespace, &node));
            inbox.into_iter().for_each(|inbox| inbox.malformed());
        });
        self.channels.open(seat, inbox, topics).await
    }

    /// Interrupts a subscription, and says why if that comes unexpectedly.
    fn interrupt(&self, namespace: &str, node: &str, reason: Option<BusError>) {
        let inbox = self.positions().interrupt(namespace, node);
        self.progress.send_replace(());
        if let (Some(inbox), Some(reason)) = (inbox, reason) {
            inbox.fail(reason);
        }
    }

    /// The place in a stream behind all that is older than this, by Redis' own clock, and the one behind which nothing has
    /// been trimmed.
    async fn ago(&self, stream: Number, history: Duration) -> RedisResult<(Offset, Offset)> {
        let name = self.options.names.stream(stream);
        let jobs = vec![Job::new(&name, commands::first(&name)), Job::anywhere(cmd("TIME"))];
        let [first, time] = self.commands.run_all(jobs).await.try_into().expect("each job has a result");
        let (now, ago) = commands::now(time?, history)?;
        let first = entries(first?)?.first().map_or(now, |first| first.id.previous());
        Ok((ago, ago.max(first)))
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.inner.interrupt(self.namespace, self.node, None);
        }
    }
}

fn interrupted() -> BusError {
    BusError::down("the subscription was interrupted")
}

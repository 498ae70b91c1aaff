use std::sync::Arc;

use redis::{Cmd, cmd};
use tower_socketio_adapter::{BoxFuture, Bus, BusError, Inbox, Membership, Message, Offset, Posting, To};

use super::channels::Channels;
use crate::connection::{Commands, Delivery, Kind, Plan};
use crate::counting::sum_subscribers;
use crate::envelopes::bring;
use crate::subscriptions::{Reader, Seat, Subscriptions, Topic};

/// Carries envelopes by `SPUBLISH`.
#[derive(Debug)]
pub(super) struct ShardedBus {
    commands: Arc<Commands>,
    subscriptions: Arc<Subscriptions>,
    channels: Channels,
}

/// Reads what is on the channels.
pub(super) struct Envelopes(pub(super) Channels);

impl ShardedBus {
    pub(super) fn new(plan: Arc<Plan>, commands: Arc<Commands>, channels: Channels) -> Self {
        let subscriptions = Subscriptions::new(plan, commands.clone(), Envelopes(channels.clone()));
        Self { commands, subscriptions, channels }
    }

    /// Makes the command that counts the nodes of a namespace.
    fn numsub(&self, namespace: &str) -> Cmd {
        let mut numsub = cmd("PUBSUB");
        numsub.arg("SHARDNUMSUB").arg(self.channels.main(namespace));
        numsub
    }
}

impl Bus for ShardedBus {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        let names = [self.channels.main(namespace), self.channels.node(namespace, node)];
        let topics = names.into_iter().map(|name| Topic::new(Kind::Shard, name)).collect();
        Box::pin(async move {
            let seat = Seat::new(namespace, node);
            self.subscriptions.open(&seat, inbox, topics).await.map_err(BusError::down)
        })
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async move {
            let job = self.channels.publish(message, to)?;
            self.commands.run(job).await.map(|_| None).map_err(BusError::down)
        })
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        Box::pin(async move {
            let job = |posting: &Posting<'_>| self.channels.publish(posting.message, posting.to).map(Some);
            let twins = |namespace: &str| self.subscriptions.twins(namespace);
            self.commands.publish(postings, job, |namespace| self.numsub(namespace), twins).await
        })
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.subscriptions.close(&Seat::new(namespace, node)).await })
    }

    fn membership(&self) -> Membership {
        Membership::Counted
    }

    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        Box::pin(async move {
            let (channel, numsub) = (self.channels.main(namespace), self.numsub(namespace));
            let counts = self.commands.run_around(&channel, &numsub).await.map_err(BusError::down)?;
            Ok(sum_subscribers(&counts) + self.subscriptions.twins(namespace))
        })
    }

    fn room_opened(&self, namespace: &str, node: &str, room: &str) {
        self.subscriptions.room_opened(&Seat::new(namespace, node), room);
    }

    fn room_closed(&self, namespace: &str, node: &str, room: &str) {
        self.subscriptions.room_closed(&Seat::new(namespace, node), room);
    }
}

impl Reader for Envelopes {
    fn room_topic(&self, namespace: &str, room: &str) -> Option<Topic> {
        self.0.room(namespace, room).map(|name| Topic::new(Kind::Shard, name))
    }

    fn read(&self, delivery: &Delivery, seat: &Seat, inbox: &Inbox, _: &Subscriptions) {
        bring(delivery, seat, inbox);
    }
}

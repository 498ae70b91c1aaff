use std::fmt;
use std::sync::Arc;

use redis::{Cmd, cmd};
use tower_socketio_adapter::{BoxFuture, Bus, BusError, Inbox, Membership, Message, Offset, Posting, To};

use super::asks::Asks;
use super::outgoing::Style;
use super::reader::Translator;
use crate::connection::{Commands, Job, Kind, Plan};
use crate::counting::sum_subscribers;
use crate::subscriptions::{Seat, Subscriptions, Topic};

/// Carries messages by `PUBLISH`, in the words of Node's classic adapter.
pub(super) struct ClassicBus {
    commands: Arc<Commands>,
    subscriptions: Arc<Subscriptions>,
    style: Style,
    asks: Arc<Asks>,
}

impl ClassicBus {
    pub(super) fn new(plan: Arc<Plan>, commands: Arc<Commands>, style: Style) -> Self {
        let asks: Arc<Asks> = Arc::default();
        let reader = Translator::new(style.clone(), asks.clone(), commands.clone());
        let subscriptions = Subscriptions::new(plan, commands.clone(), reader);
        Self { commands, subscriptions, style, asks }
    }

    /// Makes the command that counts the nodes of a namespace.
    fn numsub(&self, namespace: &str) -> Cmd {
        let mut numsub = cmd("PUBSUB");
        numsub.arg("NUMSUB").arg(self.style.channels.requests(namespace));
        numsub
    }

    /// `None` if there is nothing to publish.
    fn job(&self, posting: &Posting<'_>) -> Result<Option<Job>, BusError> {
        let Some(publication) = self.style.write(posting.message, posting.to)? else { return Ok(None) };
        if let Some((request, within)) = &publication.asks {
            self.asks.begin(request, *within);
        }
        Ok(Some(self.style.publish(publication)))
    }
}

impl Bus for ClassicBus {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        let channels = &self.style.channels;
        let topics = vec![
            Topic::new(Kind::Pattern, channels.pattern(namespace)),
            Topic::new(Kind::Plain, channels.requests(namespace)),
            Topic::new(Kind::Plain, channels.responses(namespace)),
            Topic::new(Kind::Plain, channels.responses_to(namespace, node)),
        ];
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
            if let Some(job) = self.job(&Posting::new(message, to))? {
                self.commands.run(job).await.map_err(BusError::down)?;
            }
            Ok(None)
        })
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        let twins = |namespace: &str| self.subscriptions.twins(namespace);
        let heard = |namespace: &str| self.numsub(namespace);
        Box::pin(
            async move { self.commands.publish(postings, |posting| self.job(posting), heard, twins).await },
        )
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.subscriptions.close(&Seat::new(namespace, node)).await })
    }

    fn membership(&self) -> Membership {
        Membership::Counted
    }

    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        Box::pin(async move {
            let numsub = self.numsub(namespace);
            // In a cluster others may have subscribed on a replica.
            let counts = self.commands.run_everywhere(&numsub, true).await.map_err(BusError::down)?;
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

impl fmt::Debug for ClassicBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassicBus")
            .field("commands", &self.commands)
            .field("subscriptions", &self.subscriptions)
            .field("style", &self.style)
            .finish_non_exhaustive()
    }
}

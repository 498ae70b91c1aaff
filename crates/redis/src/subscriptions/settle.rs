use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redis::{ErrorKind, RedisError, RedisResult};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tower_socketio_adapter::{BusError, Inbox};

use super::seats::{Seat, Seats, Topic};
use crate::connection::{Commands, Delivery, Kind, Plan, Sink, Subscriber};

/// How many channels one pipeline subscribes to.
const BATCH: usize = 1000;

/// Knows the names of channels, and reads what comes on them.
pub(crate) trait Reader: Send + Sync + 'static {
    /// The channel of a room; none if there is no need of one.
    fn room_topic(&self, namespace: &str, room: &str) -> Option<Topic> {
        let _ = (namespace, room);
        None
    }

    /// Takes what came for a seat.
    fn read(&self, delivery: &Delivery, seat: &Seat, inbox: &Inbox, subscriptions: &Subscriptions);
}

/// The subscriptions of all seats over one subscriber.
///
/// One task tells the server what has changed, for all: who opens or closes a seat waits for what concerns it and for nothing
/// else, and may stop waiting.
pub(crate) struct Subscriptions {
    seats: Mutex<Seats>,
    reader: Box<dyn Reader>,
    subscriber: Subscriber,
    /// Tells the worker that there is something to tell the server.
    changed: Arc<Notify>,
    /// Tells those who wait that the server has confirmed something, or will not; and why.
    progress: watch::Sender<Option<RedisError>>,
    worker: AbortHandle,
}

/// What the subscriber has of the subscriptions.
struct Ear(Weak<Subscriptions>);

impl Subscriptions {
    pub(crate) fn new(plan: Arc<Plan>, commands: Arc<Commands>, reader: impl Reader) -> Arc<Self> {
        let changed = Arc::new(Notify::new());
        Arc::new_cyclic(|me| Self {
            seats: Mutex::default(),
            reader: Box::new(reader),
            subscriber: Subscriber::new(plan, commands, Arc::new(Ear(me.clone()))),
            progress: watch::Sender::default(),
            worker: tokio::spawn(work(me.clone(), changed.clone())).abort_handle(),
            changed,
        })
    }

    /// Subscribes a seat to its topics and those of its rooms, and waits until all is confirmed.
    ///
    /// # Cancel safety
    ///
    /// The seat stays open.
    pub(crate) async fn open(&self, seat: &Seat, inbox: Inbox, topics: Vec<Topic>) -> RedisResult<()> {
        let mut progress = self.progress.subscribe();
        let (opened, topics) = {
            let mut seats = self.seats();
            let topics =
                seats.open(seat, inbox, topics, |room| self.reader.room_topic(&seat.namespace, room));
            (seats.opened(seat), topics)
        };
        self.changed.notify_one();
        loop {
            {
                let seats = self.seats();
                // Or somebody else has opened it meanwhile, who waits for it.
                if opened.is_none() || seats.opened(seat) != opened {
                    let lost = || RedisError::from((ErrorKind::Io, "the connection is lost"));
                    return Err(self.progress.borrow().clone().unwrap_or_else(lost));
                }
                if seats.are_confirmed(seat, &topics) {
                    return Ok(());
                }
            }
            if progress.changed().await.is_err() {
                return Err(RedisError::from((ErrorKind::Io, "the bus has ended")));
            }
        }
    }

    /// Ends a seat and its subscriptions; what was published before comes to it until that is confirmed.
    ///
    /// # Cancel safety
    ///
    /// They end all the same, and nothing comes any more.
    pub(crate) async fn close(&self, seat: &Seat) {
        let mut progress = self.progress.subscribe();
        let topics = self.seats().remove(seat);
        let ending = Ending { subscriptions: self, seat, topics };
        self.changed.notify_one();
        while !self.seats().are_settled(&ending.topics) && progress.changed().await.is_ok() {}
    }

    pub(crate) fn room_opened(&self, seat: &Seat, room: &str) {
        let topic = self.reader.room_topic(&seat.namespace, room);
        if self.seats().room_opened(seat, room, topic) {
            self.changed.notify_one();
        }
    }

    pub(crate) fn room_closed(&self, seat: &Seat, room: &str) {
        let topic = self.reader.room_topic(&seat.namespace, room);
        if self.seats().room_closed(seat, room, topic) {
            self.changed.notify_one();
        }
    }

    pub(crate) fn has_room(&self, seat: &Seat, room: &str) -> bool {
        self.seats().has_room(seat, room)
    }

    pub(crate) fn rooms(&self, seat: &Seat) -> Vec<Box<str>> {
        self.seats().rooms(seat)
    }

    /// How many nodes of this process have the namespace besides one: to Redis they are one subscriber.
    pub(crate) fn twins(&self, namespace: &str) -> usize {
        self.seats().open_in(namespace).saturating_sub(1)
    }

    /// Tells the server of everything that has changed.
    async fn tell(&self) {
        loop {
            let Some(step) = self.seats().step(BATCH) else { return };
            let names: Vec<_> = step.topics.iter().map(|topic| &*topic.name).collect();
            let told = if step.subscribe {
                self.subscriber.subscribe(step.kind, &names).await
            } else {
                // If the connection is lost there is nothing to end, and otherwise it does no harm.
                self.subscriber.unsubscribe(step.kind, &names).await.or(Ok(()))
            };
            let error = told.err();
            let failed = match &error {
                None => {
                    self.seats().done(&step);
                    Vec::new()
                }
                Some(_) => self.seats().failed(&step),
            };
            self.progress.send_replace(error.clone());
            if let Some(error) = error {
                failed.into_iter().for_each(|inbox| inbox.fail(BusError::down(error.clone())));
            }
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat that still hears.
struct Ending<'a> {
    subscriptions: &'a Subscriptions,
    seat: &'a Seat,
    topics: Vec<Topic>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.subscriptions.seats().gone(self.seat, &self.topics);
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Sink for Ear {
    fn message(&self, delivery: Delivery) {
        let Some(subscriptions) = self.0.upgrade() else { return };
        let name = delivery.pattern.as_ref().unwrap_or(&delivery.channel);
        let Ok(name) = std::str::from_utf8(name) else { return };
        let topic = Topic { kind: delivery.kind, name: name.into() };
        let hearers = subscriptions.seats().hearers(&topic);
        for (seat, inbox) in hearers {
            subscriptions.reader.read(&delivery, &seat, &inbox, &subscriptions);
        }
    }

    fn moved(&self, channels: Vec<String>) {
        let Some(subscriptions) = self.0.upgrade() else { return };
        {
            let mut seats = subscriptions.seats();
            channels.into_iter().for_each(|channel| seats.moved(&Topic::new(Kind::Shard, channel)));
        }
        subscriptions.changed.notify_one();
    }

    fn lost(&self, reason: &RedisError) {
        let Some(subscriptions) = self.0.upgrade() else { return };
        let lost = subscriptions.seats().lost();
        subscriptions.progress.send_replace(Some(reason.clone()));
        lost.into_iter().for_each(|inbox| inbox.fail(BusError::down(reason.clone())));
    }
}

impl Topic {
    pub(crate) fn new(kind: Kind, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl Seat {
    pub(crate) fn new(namespace: &str, node: &str) -> Self {
        Self { namespace: namespace.into(), node: node.into() }
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions").field("subscriber", &self.subscriber).finish_non_exhaustive()
    }
}

/// Subscribes to the channels of rooms as these come and go.
async fn work(subscriptions: Weak<Subscriptions>, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        let Some(subscriptions) = subscriptions.upgrade() else { return };
        subscriptions.tell().await;
    }
}

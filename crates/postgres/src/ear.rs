use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OnceCell, RwLock, mpsc};
use tokio::time::Instant;
use tower_socketio_adapter::{BusError, Inbox};

use crate::channel::Channel;
use crate::deliver::{Notified, deliver};
use crate::error::{bus_error, is_end, whole};
use crate::link::Link;
use crate::slot::Lost;
use crate::subscriptions::Subscriptions;
use crate::table::{Missing, Table};

/// How long after something was published to a channel that is listened to a notification comes at the latest: that one, as
/// others do.
const DEAF: Duration = Duration::from_secs(10);

/// A connection that listens.
pub(crate) struct Ear {
    link: Arc<Link>,
    subscriptions: Arc<Subscriptions>,
    /// Held to end listening to a channel, and shared to begin it: otherwise the end of one subscription might come
    /// after the beginning of another.
    changes: RwLock<()>,
    /// How many notifications had come when something was published for the first time since, and when that was.
    expecting: Mutex<Option<(u64, Instant)>>,
}

impl Ear {
    /// Brings what is notified until the connection ends.
    pub(crate) fn new(link: Arc<Link>, notes: mpsc::Receiver<Notified>, table: Arc<Table>) -> Self {
        let subscriptions = Arc::<Subscriptions>::default();
        tokio::spawn(hear(&link, subscriptions.clone(), notes, table));
        Self { link, subscriptions, changes: RwLock::default(), expecting: Mutex::default() }
    }

    /// Subscribes a node to a namespace; resolves when Postgres has confirmed it.
    pub(crate) async fn open(
        &self,
        channel: &Channel,
        namespace: &str,
        node: &str,
        inbox: Inbox,
    ) -> Result<(), BusError> {
        let _changes = self.changes.read().await;
        if !self.subscriptions.add(channel, namespace, node, inbox) {
            return Err(self.link.loss());
        }
        let listening = self.link.client.batch_execute(&format!("LISTEN {}", channel.quoted())).await;
        self.link.heard();
        listening.map_err(|error| {
            self.subscriptions.remove(channel, namespace, node);
            if error.is_closed() { self.link.loss() } else { self.failed(&error) }
        })
    }

    fn failed(&self, error: &tokio_postgres::Error) -> BusError {
        if is_end(error) {
            self.link.abandon(&whole(error));
        }
        bus_error(error)
    }

    /// This node has published something: it hears that, too, unless something between it and Postgres does not keep it what it
    /// listens to. Then the connection is given up, rather than deaf for ever.
    pub(crate) fn published(&self, channel: &Channel) {
        if self.subscriptions.is_silent(channel) {
            return;
        }
        let notified = self.link.notified();
        let mut expecting = self.expecting.lock().unwrap_or_else(PoisonError::into_inner);
        match *expecting {
            Some((before, since)) if before == notified => {
                if since.elapsed() >= DEAF {
                    self.link.abandon(
                        "nothing that is notified comes; listening needs a session of its own, which a pooler may not give",
                    );
                }
            }
            _ => *expecting = Some((notified, Instant::now())),
        }
    }

    /// Ends a subscription.
    pub(crate) async fn close(&self, channel: &Channel, namespace: &str, node: &str) {
        self.subscriptions.remove(channel, namespace, node);
        let _changes = self.changes.write().await;
        if self.subscriptions.is_silent(channel) {
            let ended = self.link.client.batch_execute(&format!("UNLISTEN {}", channel.quoted())).await;
            if let Err(error) = ended {
                tracing::debug!(target: "socketio::adapter", error = whole(&error), "still listening");
            }
        }
    }
}

impl Lost for Ear {
    fn is_lost(&self) -> bool {
        self.link.is_lost()
    }
}

/// Returns a task that brings what is notified, and in the end tells that nothing comes any more; it does not keep the
/// connection.
fn hear(
    link: &Arc<Link>,
    subscriptions: Arc<Subscriptions>,
    notes: mpsc::Receiver<Notified>,
    table: Arc<Table>,
) -> impl Future<Output = ()> + use<> {
    let (link, pulse, statement) = (Arc::downgrade(link), link.pulse.clone(), Arc::new(OnceCell::new()));
    async move {
        let fetch = |id| {
            let (link, table, statement) = (link.clone(), table.clone(), statement.clone());
            async move {
                let link = link.upgrade().ok_or(Missing::Lost)?;
                table.fetch(&link, &statement, id).await
            }
        };
        let brought = AssertUnwindSafe(deliver(notes, &subscriptions, fetch)).catch_unwind().await;
        if brought.is_err()
            && let Some(link) = link.upgrade()
        {
            link.abandon("what was brought was not taken");
        }
        subscriptions.fail(|| pulse.loss());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::subscriptions::tests::Heard;

    const INTERVAL: Duration = Duration::from_secs(2);

    async fn ear(server: &Fake) -> Ear {
        let (sender, notes) = mpsc::channel(8);
        let table = Table::new("attachments", true, 1 << 20, INTERVAL).unwrap();
        Ear::new(server.link(INTERVAL, Some(sender)).await, notes, Arc::new(table))
    }

    fn channel(namespace: &str) -> Channel {
        Channel::new("socket.io", namespace)
    }

    fn notify(server: &Fake, namespace: &str) {
        let payload = format!("{{\"type\":3,\"data\":1,\"uid\":\"x\",\"nsp\":\"{namespace}\"}}");
        server.notify(channel(namespace).name(), &payload);
    }

    /// Lets tasks do what they can; time is paused.
    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_is_confirmed_and_then_heard() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        ear.open(&channel("/a\"b"), "/a\"b", "a", heard.inbox("a")).await.unwrap();
        ear.open(&channel("/"), "/", "b", heard.inbox("b")).await.unwrap();
        assert_eq!(server.heard(), ["Q LISTEN \"socket.io#/a\"\"b\"", "Q LISTEN \"socket.io#/\""]);
        notify(&server, "/");
        ear.open(&channel("/c"), "/c", "c", heard.inbox("c")).await.unwrap();
        settle().await;
        assert_eq!(heard.take(), ["b: 1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_confirmed_is_no_subscription() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        server.refuse("LISTEN", "42501");
        let refused = ear.open(&channel("/"), "/", "a", heard.inbox("a")).await;
        assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
        assert!(ear.subscriptions.is_silent(&channel("/")));
        assert_eq!(heard.take(), [""; 0], "who opens it knows already");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_no_listeners_any_more_is_left() {
        // It has become a standby, or is shutting down.
        for code in ["25006", "57P01"] {
            let (server, heard) = (Fake::default(), Heard::default());
            let ear = ear(&server).await;
            ear.open(&channel("/a"), "/a", "a", heard.inbox("a")).await.unwrap();
            server.refuse("LISTEN", code);
            let refused = ear.open(&channel("/b"), "/b", "b", heard.inbox("b")).await;
            assert!(matches!(refused, Err(BusError::Down(_))), "{refused:?}");
            assert!(ear.is_lost(), "{code}");
            settle().await;
            assert_eq!(heard.take(), ["a failed: the bus is down: db error: ERROR: no"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_panics_at_a_message_ends_the_subscriptions_and_everybody_is_told() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        let told = heard.inbox("a");
        let panics = Inbox::new(move |incoming| match incoming {
            Ok(_) => panic!("a program may"),
            Err(error) => told.fail(error),
        });
        ear.open(&channel("/a"), "/a", "a", panics).await.unwrap();
        notify(&server, "/a");
        ear.open(&channel("/b"), "/b", "b", heard.inbox("b")).await.unwrap();
        settle().await;
        assert!(ear.is_lost());
        let mut told = heard.take();
        told.sort();
        let reason = "failed: the bus is down: what was brought was not taken";
        assert_eq!(told, [format!("a {reason}"), format!("b {reason}")]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_hears_nothing_of_what_it_says_itself_listens_anew() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        ear.open(&channel("/"), "/", "a", heard.inbox("a")).await.unwrap();
        for _ in 0..20 {
            ear.published(&channel("/"));
            // It comes with whatever is answered next.
            notify(&server, "/");
            ear.link.client.batch_execute("").await.unwrap();
            tokio::time::sleep(DEAF).await;
        }
        for _ in 0..5 {
            // Nobody listens to that, so nobody hears it.
            ear.published(&channel("/other"));
            tokio::time::sleep(DEAF).await;
        }
        assert!(!ear.is_lost());
        assert_eq!(heard.take().len(), 20);
        ear.published(&channel("/"));
        tokio::time::sleep(DEAF - Duration::from_secs(1)).await;
        ear.published(&channel("/"));
        assert!(!ear.is_lost());
        tokio::time::sleep(Duration::from_secs(1)).await;
        ear.published(&channel("/"));
        assert!(ear.is_lost());
        settle().await;
        assert!(heard.take().concat().contains("failed: the bus is down: nothing that is notified comes"));
    }

    #[tokio::test(start_paused = true)]
    async fn listening_ends_with_the_last_subscription_of_a_channel() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        for node in ["a", "b"] {
            ear.open(&channel("/"), "/", node, heard.inbox(node)).await.unwrap();
        }
        server.heard();
        ear.close(&channel("/"), "/", "a").await;
        assert_eq!(server.heard(), [""; 0]);
        ear.close(&channel("/"), "/", "b").await;
        assert_eq!(server.heard(), ["Q UNLISTEN \"socket.io#/\""]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_that_begins_while_another_ends_stays() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        ear.open(&channel("/"), "/", "a", heard.inbox("a")).await.unwrap();
        server.heard();
        let (ends, begins) = (channel("/"), channel("/"));
        let ((), begun) =
            tokio::join!(ear.close(&ends, "/", "a"), ear.open(&begins, "/", "b", heard.inbox("b")));
        begun.unwrap();
        let last = server.heard().pop().unwrap();
        assert_eq!(last, "Q LISTEN \"socket.io#/\"");
        assert!(!ear.subscriptions.is_silent(&channel("/")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_is_told_once_to_each_subscription() {
        let (server, heard) = (Fake::default(), Heard::default());
        let ear = ear(&server).await;
        for namespace in ["/", "/chat"] {
            ear.open(&channel(namespace), namespace, "a", heard.inbox(namespace)).await.unwrap();
        }
        server.silence();
        tokio::time::sleep(10 * INTERVAL).await;
        let mut told = heard.take();
        told.sort();
        let reason = "failed: the bus is down: Postgres does not answer";
        assert_eq!(told, [format!("/ {reason}"), format!("/chat {reason}")]);
        let late = ear.open(&channel("/"), "/", "a", heard.inbox("late")).await;
        assert!(matches!(late, Err(BusError::Down(_))), "{late:?}");
        assert!(ear.is_lost());
        assert_eq!(heard.take(), [""; 0]);
    }
}

//! A bus that brings a message while it is published, and does so from wherever that is.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use tower_socketio_adapter::{
    Adapter, Answers, BoxFuture, Bus, BusError, Cluster, Flags, Inbox, Incoming, LocalBus, Member, Message,
    MessageKind, Offset, Outgoing, RemoteSocket, Room, Sessions, Target, To,
};

use crate::support::{Log, Node, SECOND, outgoing, settle};

/// Every message comes back at once, and with it what another node says.
#[derive(Clone)]
struct Echo {
    sessions: LocalBus,
    inbox: Arc<Mutex<Option<Inbox>>>,
    places: Arc<AtomicU64>,
    fails: bool,
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echo")
    }
}

impl Bus for Echo {
    fn open<'a>(&'a self, _: &'a str, _: &'a str, inbox: Inbox) -> BoxFuture<'a, Result<(), BusError>> {
        *self.inbox.lock().unwrap() = Some(inbox);
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        _: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async move {
            let inbox = self.inbox.lock().unwrap().clone().expect("it is open");
            if message.kind != MessageKind::Broadcast {
                return Ok(None);
            }
            let place = || Offset::new(self.places.fetch_add(1, Ordering::Relaxed) + 1, 0);
            let mut other = message.clone();
            other.node = "stranger".into();
            inbox.message(Incoming::new(other, Some(place())));
            let own = place();
            inbox.message(Incoming::new(message.clone(), Some(own)));
            if self.fails {
                inbox.fail(BusError::down("it is too much"));
            }
            Ok(Some(own))
        })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.sessions.sessions()
    }
}

/// Emits something again when it gets something, a few times.
struct Babbler(Log, Mutex<Weak<dyn Adapter>>);

impl Member for Babbler {
    fn id(&self) -> &str {
        "babbler"
    }

    fn deliver(&self, packet: &Outgoing, _: Flags) -> bool {
        let text = std::str::from_utf8(packet.args()).unwrap();
        self.0.push(text);
        let number: u32 = text.trim_matches(['[', ']']).parse().unwrap();
        let adapter = self.1.lock().unwrap().upgrade().unwrap();
        if number < 10 {
            let packet = outgoing(Bytes::from(format!("[{}]", number + 10)), Vec::new(), None);
            adapter.broadcast(&packet, &Target::default());
        }
        true
    }

    fn ask(&self, _: &Outgoing, _: Flags, _: &Arc<dyn Answers>) -> bool {
        false
    }

    fn disconnect(&self, _: bool) {}

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        RemoteSocket::new("babbler", rooms, Bytes::new(), Bytes::new())
    }
}

async fn heard(fails: bool, recovers: bool) -> Vec<String> {
    let (inbox, places) = Default::default();
    let bus = Echo { sessions: LocalBus::journaled(), inbox, places, fails };
    let node = Node::with(Cluster::new(bus), "/", recovers);
    settle().await;
    let log = Log::default();
    let weak: Weak<dyn Adapter> = Arc::downgrade(&node.adapter);
    node.adapter.add(Arc::new(Babbler(log.clone(), Mutex::new(weak))));
    for text in ["[1]", "[2]"] {
        node.emit(text, &Target::default());
    }
    tokio::time::sleep(20 * SECOND).await;
    log.take()
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_it_is_published_is_delivered_once_by_each_node_and_in_order() {
    // The stranger says the same before it.
    let order = ["[1]", "[1]", "[2]", "[2]", "[11]", "[11]", "[11]", "[11]", "[12]", "[12]", "[12]", "[12]"];
    assert_eq!(heard(false, true).await, order);
    // Without places a node's own sockets do not wait.
    let order = ["[1]", "[11]", "[2]", "[12]", "[1]", "[11]", "[11]", "[2]", "[12]", "[12]", "[11]", "[12]"];
    assert_eq!(heard(false, false).await, order);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_lost_while_something_is_published_costs_nothing_else() {
    let mut heard = heard(true, true).await;
    heard.sort();
    let own = ["[1]", "[2]", "[11]", "[12]"].map(|text| heard.iter().filter(|heard| *heard == text).count());
    assert!(own.iter().all(|times| *times >= 1), "{heard:?}");
}

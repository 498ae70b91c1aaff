//! Equal broadcasts around an outage, of which some never come back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_socketio::adapter::{
    BoxFuture, Bus, BusError, Inbox, Message, MessageKind, Offset, Posting, Sessions, To,
};
use tower_socketio::{Cluster, LocalBus, Namespace, Recovery, SocketIo};

use super::{SECOND, enter_with, lose, news};
use crate::support::{Test, join};

type Taken<T> = Result<T, BusError>;

/// What becomes of what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    /// It is not taken.
    Fails,
    /// It is taken, and that it was is not heard.
    IsTaken,
}

/// A bus that is slow to say that it has taken a broadcast, which has come back by then.
#[derive(Clone, Debug)]
struct Shaky(LocalBus, Arc<Mutex<Fate>>);

impl Shaky {
    fn set(&self, fate: Fate) {
        *self.1.lock().expect("no panic") = fate;
    }
}

impl Bus for Shaky {
    fn open<'a>(&'a self, namespace: &'a str, node: &'a str, inbox: Inbox) -> BoxFuture<'a, Taken<()>> {
        self.0.open(namespace, node, inbox)
    }

    fn publish<'a>(&'a self, message: &'a Message, to: To<'a>) -> BoxFuture<'a, Taken<Option<Offset>>> {
        self.0.publish(message, to)
    }

    fn publish_all<'a>(&'a self, postings: &'a [Posting<'a>]) -> BoxFuture<'a, Vec<Taken<Option<Offset>>>> {
        if !postings.iter().any(|posting| posting.message.kind == MessageKind::Broadcast) {
            return self.0.publish_all(postings);
        }
        let fate = *self.1.lock().expect("no panic");
        let down = move || postings.iter().map(|_| Err(BusError::down("not now"))).collect();
        Box::pin(async move {
            if fate == Fate::Fails {
                return down();
            }
            let taken = self.0.publish_all(postings).await;
            tokio::time::sleep(SECOND / 10).await;
            if fate == Fate::IsTaken { down() } else { taken }
        })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.sessions()
    }
}

async fn two() -> (Shaky, [SocketIo; 2]) {
    let bus = Shaky(LocalBus::journaled(), Arc::new(Mutex::new(Fate::Passes)));
    let nodes = [(); 2].map(|()| {
        let builder = SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(bus.clone()));
        builder.namespace("/", Namespace::new()).build().expect("it fits")
    });
    tokio::time::sleep(SECOND * 5).await;
    (bus, nodes)
}

/// A moment in which things come back, and nothing is answered.
async fn moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_is_not_taken_for_what_is_equal_and_comes_later() -> Test {
    let (bus, [one, two]) = two().await;
    let (mut old, mut other) = (join(&one).await, join(&two).await);
    bus.set(Fate::Fails);
    one.emit("news", "tick");
    moment().await;
    bus.set(Fate::Passes);
    one.emit("news", "well again");
    tokio::time::sleep(SECOND).await;
    assert_eq!(news(&mut old).await, ["tick", "well again"]);
    assert_eq!(news(&mut other).await, ["well again"]);
    let (mut new, mut away) = (join(&one).await, join(&one).await);
    lose(&mut away).await;
    for _ in 0..2 {
        one.emit("news", "tick");
        moment().await;
        // Nobody has to wait until it is answered.
        for client in [&mut old, &mut new, &mut other] {
            assert_eq!(news(client).await, ["tick"]);
        }
        tokio::time::sleep(SECOND * 2).await;
    }
    two.emit("news", "end");
    for client in [&mut old, &mut new, &mut other] {
        assert_eq!(news(client).await, ["end"]);
    }
    assert_eq!((old.offset(), new.offset()), (other.offset(), other.offset()));
    let mut back = enter_with(&two, away.pid(), away.offset()).await;
    assert_eq!(back.id(), away.id());
    assert_eq!(news(&mut back).await, ["tick", "tick", "end"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_although_it_failed_is_not_taken_for_what_is_equal() -> Test {
    let (bus, [one, two]) = two().await;
    let (mut old, mut away) = (join(&one).await, join(&two).await);
    lose(&mut away).await;
    // The first is lost, and the second is not.
    for fate in [Fate::Fails, Fate::IsTaken] {
        bus.set(fate);
        one.emit("news", "tick");
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(news(&mut old).await, ["tick", "tick"]);
    let mut new = join(&one).await;
    bus.set(Fate::Passes);
    for _ in 0..3 {
        one.emit("news", "tick");
    }
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(news(&mut new).await, ["tick"; 3]);
    assert_eq!(news(&mut old).await, ["tick"; 3]);
    let mut back = enter_with(&one, away.pid(), away.offset()).await;
    assert_eq!(back.id(), away.id());
    assert_eq!(news(&mut back).await, ["tick"; 4]);
    Ok(())
}

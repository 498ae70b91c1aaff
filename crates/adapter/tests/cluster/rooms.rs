//! What a bus is told of rooms.

use std::fmt;
use std::sync::{Arc, Barrier};

use tower_socketio_adapter::{
    Adapter, BoxFuture, Bus, BusError, Cluster, Inbox, Message, Offset, Target, To,
};

use crate::support::{Log, Node};

/// A bus that writes down what it is told, and does something about the name of a room that comes into being.
struct Told<F>(Log, F);

impl<F> fmt::Debug for Told<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> Bus for Told<F> {
    fn open<'a>(&'a self, _: &'a str, _: &'a str, _: Inbox) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(&'a self, _: &'a Message, _: To<'a>) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        Box::pin(async { Ok(None) })
    }

    fn room_opened(&self, _: &str, _: &str, room: &str) {
        self.0.push(format!("+{room}"));
        (self.1)(room);
    }

    fn room_closed(&self, _: &str, _: &str, room: &str) {
        self.0.push(format!("-{room}"));
    }
}

#[tokio::test]
async fn nobody_waits_for_a_bus_that_is_being_told_of_rooms_and_it_hears_of_them_in_order() {
    let (told, entered, left) = (Log::default(), Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (enters, leaves) = (entered.clone(), left.clone());
    let gate = move |room: &str| {
        if room == "gate" {
            enters.wait();
            leaves.wait();
        }
    };
    let node = Node::of(Cluster::new(Told(told.clone(), gate)), "/");
    let (_, a) = node.socket("a", &[]);
    let (_, b) = node.socket("b", &[]);
    let adapter = node.adapter.clone();
    let joins = std::thread::spawn(move || adapter.join(a, &["gate".into(), "next".into()]));
    entered.wait();
    node.adapter.join(b, &["r".into(), "gate".into()]);
    node.adapter.leave(b, &["r".into()]);
    assert_eq!(node.emit("[1]", &Target::to("gate")), 2);
    node.adapter.leave_all(a);
    node.adapter.remove(b);
    assert_eq!(told.take(), ["+a", "+b", "+gate"]);
    left.wait();
    joins.join().unwrap();
    assert_eq!(told.take(), ["+next", "+r", "-r", "-next", "-gate", "-b"]);
}

#[tokio::test]
async fn a_bus_that_panics_when_it_is_told_of_a_room_ends_nothing_else() {
    let node = Node::of(Cluster::new(Told(Log::default(), |room: &str| assert_ne!(room, "bad"))), "/");
    let (_, at) = node.socket("a", &[]);
    let adapter: Arc<dyn Adapter> = node.adapter.clone();
    assert!(std::thread::spawn(move || adapter.join(at, &["bad".into()])).join().is_err());
    node.adapter.join(at, &["good".into()]);
    assert_eq!(node.emit("[1]", &Target::to("good")), 1);
}

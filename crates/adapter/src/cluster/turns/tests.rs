use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use bytes::Bytes;

use super::*;
use crate::{
    Adapter, Answers, Flags, Home, LocalAdapter, Member, Outgoing, RemoteSocket, Room, ServerAnswer, Target,
};

/// Notes what is delivered, with its place.
#[derive(Default)]
struct Notes {
    delivered: Mutex<Vec<(String, Option<Offset>)>>,
    panics: AtomicBool,
}

impl Home for Notes {
    fn broadcast(
        &self,
        args: Bytes,
        _: Vec<Bytes>,
        _: &Target,
        offset: Option<Offset>,
        _: &mut dyn FnMut(&Arc<Outgoing>),
    ) {
        self.delivered.lock().unwrap().push((String::from_utf8(args.to_vec()).unwrap(), offset));
        if self.panics.swap(false, Ordering::AcqRel) {
            panic!("a parser that is broken");
        }
    }

    fn question(&self, _: Bytes, _: Vec<Bytes>) -> Option<Arc<Outgoing>> {
        None
    }

    fn forget(&self, _: u64) {}

    fn server_event(&self, _: Bytes, _: Vec<Bytes>, _: Option<ServerAnswer>) {}
}

struct Nobody;

impl Member for Nobody {
    fn id(&self) -> &str {
        "nobody"
    }

    fn deliver(&self, _: &Outgoing, _: Flags) -> bool {
        true
    }

    fn ask(&self, _: &Outgoing, _: Flags, _: &Arc<dyn Answers>) -> bool {
        false
    }

    fn disconnect(&self, _: bool) {}

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        RemoteSocket::new("nobody", rooms, Bytes::new(), Bytes::new())
    }
}

struct Node {
    turns: Turns,
    notes: Arc<Notes>,
    home: Arc<dyn Home>,
    local: LocalAdapter,
}

impl Node {
    fn new() -> Self {
        let notes = Arc::new(Notes::default());
        let node =
            Self { turns: Turns::default(), home: notes.clone(), notes, local: LocalAdapter::default() };
        node.turns.turn_on();
        node
    }

    fn way(&self) -> Way<'_> {
        Way { home: &self.home, local: &self.local }
    }

    /// Broadcasts, and says the ticket.
    fn emit(&self, text: &str) -> u64 {
        let args = Bytes::copy_from_slice(text.as_bytes());
        let to = Target { flags: Flags::default(), ..Target::default() };
        let pending = Pending { args, attachments: Vec::new(), to, members: Some(Vec::new()) };
        let mut number = 0;
        self.turns.wait(pending, false, |ticket| {
            number = ticket;
            true
        });
        self.turns.deliver(Some(self.way()));
        number
    }

    /// A broadcast comes back; says whether it was waited for.
    fn back(&self, ticket: u64, place: u64) -> bool {
        self.turns.back(Some(ticket), Offset::new(place, 0), self.way()).is_ok()
    }

    fn delivered(&self) -> Vec<(String, Option<u64>)> {
        let delivered = std::mem::take(&mut *self.notes.delivered.lock().unwrap());
        delivered.into_iter().map(|(text, place)| (text, place.map(Offset::major))).collect()
    }
}

fn one(text: &str, place: Option<u64>) -> (String, Option<u64>) {
    (text.to_owned(), place)
}

#[test]
fn what_is_just_being_delivered_is_still_waited_for() {
    let node = Arc::new(Node::new());
    let (entered, left) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (enters, leaves) = (entered.clone(), left.clone());
    let delivering = node.clone();
    let delivers = thread::spawn(move || {
        let then = Box::new(move || {
            enters.wait();
            leaves.wait();
        });
        delivering.turns.then(then, Some(delivering.way()));
    });
    entered.wait();
    assert!(node.turns.is_waiting());
    left.wait();
    delivers.join().unwrap();
    assert!(!node.turns.is_waiting());
}

#[test]
fn equal_broadcasts_are_told_apart_when_some_of_them_did_not_wait() {
    let node = Node::new();
    let early = [node.emit("tick"), node.emit("tick")];
    node.turns.give_up(Some(node.way()));
    assert_eq!(node.delivered(), [one("tick", None), one("tick", None)]);
    assert!(!node.back(early[0], 1));
    let late = node.emit("tick");
    assert!(!node.back(early[1], 2));
    assert_eq!(node.delivered(), []);
    assert!(node.back(late, 3));
    assert_eq!(node.delivered(), [one("tick", Some(3))]);
    // What is brought again is nothing that waits.
    node.emit("tick");
    assert!(!node.back(late, 3));
    assert_eq!(node.delivered(), []);
}

#[test]
fn what_never_came_back_does_not_hold_up_what_is_equal() {
    let node = Node::new();
    let lost = node.emit("tick");
    node.turns.give_up(Some(node.way()));
    // Others come, so that broadcasts wait again.
    let other = node.emit("other");
    assert!(!node.back(other, 1));
    assert_eq!(node.delivered(), [one("tick", None), one("other", None)]);
    let [first, second] = [node.emit("tick"), node.emit("tick")];
    assert!(node.back(first, 2));
    assert_eq!(node.delivered(), [one("tick", Some(2))]);
    // It was not lost after all.
    assert!(!node.back(lost, 3));
    assert_eq!(node.delivered(), []);
    assert!(node.back(second, 4));
    assert_eq!(node.delivered(), [one("tick", Some(4))]);
}

#[test]
fn who_had_come_by_the_time_is_known_of_each_of_several_that_are_equal() {
    let node = Node::new();
    let early = [node.emit("tick"), node.emit("tick")];
    node.turns.give_up(Some(node.way()));
    let latest = node.local.latest();
    node.local.add(Arc::new(Nobody));
    let late = node.emit("tick");
    assert_ne!(node.local.latest(), latest);
    let back = |ticket: u64| node.turns.back(Some(ticket), Offset::new(ticket + 1, 0), node.way());
    assert_eq!(
        [early[1], late, late, early[1]].map(back),
        [Err(Some(latest)), Err(Some(latest + 1)), Err(None), Err(None)]
    );
    assert_eq!(node.turns.back(None, Offset::new(9, 0), node.way()), Err(None));
}

#[test]
fn what_was_refused_is_not_expected_back() {
    let node = Node::new();
    let refused = node.emit("tick");
    node.turns.give_up(Some(node.way()));
    node.turns.refused(refused, Some(node.way()));
    assert_eq!(node.turns.back(Some(refused), Offset::new(1, 0), node.way()), Err(None));
    let waits = node.emit("tick");
    node.turns.refused(waits, Some(node.way()));
    assert_eq!(node.delivered(), [one("tick", None), one("tick", None)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_somebodys_hands_is_not_looked_after_over_and_over() {
    let node = Node::new();
    node.emit("slow");
    tokio::time::advance(PATIENCE * 2).await;
    let (tell, begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    node.turns.queue().push(State::Ready(None), What::Then(Box::new(|| {})));
    thread::scope(|scope| {
        let turns = &node.turns;
        scope.spawn(move || {
            let _turn = turns.turn.lock().unwrap();
            tell.send(()).unwrap();
            wait.recv().unwrap();
        });
        begun.recv().unwrap();
        // Everything is ready, and the one who delivers takes its time.
        assert_eq!(node.turns.tick(Instant::now(), Some(node.way())), None);
        go.send(()).unwrap();
    });
    node.turns.deliver(Some(node.way()));
    assert_eq!(node.delivered(), [one("slow", None)]);
}

#[test]
fn a_panic_ends_what_panicked_and_nothing_else() {
    let node = Node::new();
    node.notes.panics.store(true, Ordering::Release);
    node.emit("1");
    node.emit("2");
    node.turns.give_up(Some(node.way()));
    assert_eq!(node.delivered(), [one("1", None), one("2", None)]);
    let done = Arc::new(AtomicBool::new(false));
    let then = done.clone();
    node.turns.then(Box::new(|| panic!("in a turn")), Some(node.way()));
    node.turns.then(Box::new(move || then.store(true, Ordering::Release)), Some(node.way()));
    assert!(done.load(Ordering::Acquire));
}

#[test]
fn nothing_is_left_behind_whoever_comes_at_the_end_of_a_turn() {
    const MANY: usize = 20_000;
    let (node, done) = (Node::new(), Arc::new(AtomicUsize::new(0)));
    let begun = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..MANY {
                begun.wait();
                let ticket = node.emit("x");
                node.back(ticket, at as u64 + 1);
            }
        });
        for at in 0..MANY {
            begun.wait();
            let done = done.clone();
            let then = move || {
                done.fetch_add(1, Ordering::AcqRel);
            };
            node.turns.then(Box::new(then), Some(node.way()));
            if at % 64 == 0 {
                thread::yield_now();
            }
        }
    });
    assert_eq!(done.load(Ordering::Acquire), MANY);
    assert!(node.turns.queue().items.is_empty());
}

use std::collections::HashSet;

use proptest::prelude::*;

use tower_socketio_adapter::Inbox;

use crate::connection::Kind;
use crate::subscriptions::seats::{Seat, Seats, Step, Topic};

fn seat(node: &str) -> Seat {
    Seat { namespace: "/".into(), node: node.into() }
}

fn topic(name: &str) -> Topic {
    Topic { kind: Kind::Shard, name: name.into() }
}

fn inbox() -> Inbox {
    Inbox::new(|_| {})
}

/// Does all steps on what stands for the server.
fn settle(seats: &mut Seats, server: &mut HashSet<Topic>) {
    while let Some(step) = seats.step(3) {
        apply(&step, server);
        seats.done(&step);
    }
}

fn apply(step: &Step, server: &mut HashSet<Topic>) {
    for topic in &step.topics {
        if step.subscribe {
            server.insert(topic.clone())
        } else {
            server.remove(topic)
        };
    }
}

#[test]
fn rooms_from_before_a_seat_is_open_are_subscribed_to_with_it() {
    let (mut seats, mut server) = (Seats::default(), HashSet::new());
    assert!(!seats.room_opened(&seat("a"), "r", Some(topic("r"))));
    seats.open(&seat("a"), inbox(), [topic("main")], |room| Some(topic(room)));
    settle(&mut seats, &mut server);
    assert_eq!(server, HashSet::from([topic("main"), topic("r")]));
    assert!(seats.room_closed(&seat("a"), "r", Some(topic("r"))));
    settle(&mut seats, &mut server);
    assert_eq!(server, HashSet::from([topic("main")]));
}

#[test]
fn a_topic_is_subscribed_to_as_long_as_one_seat_wants_it() {
    let (mut seats, mut server) = (Seats::default(), HashSet::new());
    for node in ["a", "b"] {
        seats.open(&seat(node), inbox(), [topic("main")], |_| None);
    }
    settle(&mut seats, &mut server);
    assert_eq!((seats.hearers(&topic("main")).len(), seats.open_in("/"), seats.open_in("/x")), (2, 2, 0));
    let topics = seats.remove(&seat("a"));
    settle(&mut seats, &mut server);
    assert_eq!((server.len(), seats.hearers(&topic("main")).len()), (1, 2));
    seats.gone(&seat("a"), &topics);
    assert_eq!(seats.hearers(&topic("main")).len(), 1);
    seats.remove(&seat("b"));
    settle(&mut seats, &mut server);
    assert!(server.is_empty() && seats.is_empty());
}

#[test]
fn who_ends_hears_until_the_server_has_confirmed_that() {
    let mut seats = Seats::default();
    let hearers = |seats: &Seats| seats.hearers(&topic("main")).len();
    seats.open(&seat("a"), inbox(), [topic("main")], |_| None);
    let step = seats.step(9).unwrap();
    seats.done(&step);
    seats.remove(&seat("a"));
    assert_eq!((hearers(&seats), seats.open_in("/")), (1, 0));
    let step = seats.step(9).unwrap();
    assert_eq!((step.subscribe, hearers(&seats)), (false, 1));
    seats.done(&step);
    assert!(hearers(&seats) == 0 && seats.is_empty());
    // One that was never open, or is not any more, hears nothing.
    seats.room_opened(&seat("b"), "r", Some(topic("r")));
    assert!(seats.remove(&seat("b")).is_empty() && seats.is_empty());
}

#[test]
fn what_was_confirmed_before_a_loss_does_not_count_after_it() {
    let mut seats = Seats::default();
    seats.open(&seat("a"), inbox(), [topic("main")], |_| None);
    let step = seats.step(9).unwrap();
    assert_eq!(seats.lost().len(), 1);
    seats.open(&seat("a"), inbox(), [topic("main")], |_| None);
    seats.done(&step);
    assert_eq!(seats.step(9).map(|step| step.topics), Some(vec![topic("main")]));
}

#[test]
fn who_wants_what_cannot_be_subscribed_to_is_open_no_more() {
    let mut seats = Seats::default();
    seats.open(&seat("a"), inbox(), [topic("main"), topic("forbidden")], |_| None);
    let step = seats.step(9).unwrap();
    assert_eq!(seats.failed(&step).len(), 1);
    assert!(seats.opened(&seat("a")).is_none());
    // It may be subscribed to all the same.
    assert_eq!(seats.step(9).map(|step| (step.subscribe, step.topics.len())), Some((false, 2)));
}

#[derive(Clone, Debug)]
enum Deed {
    Open(u8),
    Close(u8),
    Join(u8, u8),
    Leave(u8, u8),
    Settle,
    /// A step that was done by halves.
    Failed,
    /// The server has ended a subscription, also between a step and its answer.
    Moved(u8),
    MovedMeanwhile(u8),
    Lost,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (node, room) = (0u8..3, 0u8..4);
    prop_oneof![
        node.clone().prop_map(Deed::Open),
        node.clone().prop_map(Deed::Close),
        (node.clone(), room.clone()).prop_map(|(node, room)| Deed::Join(node, room)),
        (node, room).prop_map(|(node, room)| Deed::Leave(node, room)),
        Just(Deed::Settle),
        Just(Deed::Failed),
        (0u8..4).prop_map(Deed::Moved),
        (0u8..4).prop_map(Deed::MovedMeanwhile),
        Just(Deed::Lost),
    ]
}

proptest! {
    #[test]
    fn after_whatever_happened_the_server_is_told_exactly_what_is_wanted(
        deeds in proptest::collection::vec(deed(), 0..60),
    ) {
        let (mut seats, mut server) = (Seats::default(), HashSet::new());
        let mut open: HashSet<u8> = HashSet::new();
        let mut rooms: HashSet<(u8, u8)> = HashSet::new();
        let name = |node: u8| seat(&node.to_string());
        for deed in deeds.into_iter().chain([Deed::Settle]) {
            match deed {
                Deed::Open(node) => {
                    open.insert(node);
                    let main = [topic("main"), topic(&format!("node{node}"))];
                    seats.open(&name(node), inbox(), main, |room| Some(topic(room)));
                }
                Deed::Close(node) => {
                    open.remove(&node);
                    rooms.retain(|room| room.0 != node);
                    seats.remove(&name(node));
                }
                Deed::Join(node, room) => {
                    rooms.insert((node, room));
                    seats.room_opened(&name(node), &format!("room{room}"), Some(topic(&format!("room{room}"))));
                }
                Deed::Leave(node, room) => {
                    rooms.remove(&(node, room));
                    seats.room_closed(&name(node), &format!("room{room}"), Some(topic(&format!("room{room}"))));
                }
                Deed::Settle => settle(&mut seats, &mut server),
                Deed::Failed => {
                    if let Some(mut step) = seats.step(2) {
                        if step.subscribe {
                            seats.failed(&step);
                            open.retain(|node| seats.opened(&name(*node)).is_some());
                            step.topics.pop();
                            apply(&step, &mut server);
                        } else {
                            apply(&step, &mut server);
                            seats.done(&step);
                        }
                    }
                }
                Deed::Moved(room) => {
                    let moved = topic(&format!("room{room}"));
                    server.remove(&moved);
                    seats.moved(&moved);
                }
                Deed::MovedMeanwhile(room) => {
                    let moved = topic(&format!("room{room}"));
                    if let Some(step) = seats.step(2) {
                        apply(&step, &mut server);
                        server.remove(&moved);
                        seats.moved(&moved);
                        seats.done(&step);
                    }
                }
                Deed::Lost => {
                    open.clear();
                    server.clear();
                    seats.lost();
                }
            }
        }
        let mut wanted = HashSet::new();
        for node in &open {
            wanted.extend([topic("main"), topic(&format!("node{node}"))]);
            let here = rooms.iter().filter(|room| room.0 == *node);
            wanted.extend(here.map(|room| topic(&format!("room{}", room.1))));
        }
        prop_assert_eq!(server, wanted);
    }
}

//! Adapters come and go: nothing of them is left, and the bus is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tower_socketio_adapter::{Action, AdapterError, Bus, Cluster, LocalBus, MessageKind, Room, Target};

use crate::support::{Faulty, Node, SECOND, Stranger, packet, settle};

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn dropping_an_adapter_ends_all_that_it_began() {
    let bus = LocalBus::counted();
    let before = tasks();
    let node = Node::start(&bus).await;
    let heard = node.ask(&Target::default());
    assert!(tasks() > before);
    let home = Arc::downgrade(&node.home);
    assert_eq!(bus.count("/").await.unwrap(), 1);
    drop((node, heard));
    settle().await;
    assert_eq!(tasks(), before);
    assert_eq!(bus.count("/").await.unwrap(), 0);
    assert!(home.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_an_adapter_in_an_outage_ends_all_that_it_began() {
    let bus = LocalBus::new();
    let before = tasks();
    bus.outage(true);
    let node = Node::start(&bus).await;
    assert!(node.cluster.is_down());
    let cluster = node.cluster.clone();
    drop(node);
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!((tasks(), cluster.is_down()), (before, false));
}

#[tokio::test(start_paused = true)]
async fn what_was_emitted_before_the_end_is_still_published_and_the_leave_is_the_last() {
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "s").await;
    for drop_it in [true, false] {
        let node = Node::start(&bus).await;
        stranger.heard();
        node.emit("[1]", &Target::default());
        if drop_it {
            drop(node);
        } else {
            node.adapter.close().await;
            node.emit("[2]", &Target::default());
            node.adapter.close().await;
        }
        settle().await;
        let heard = stranger.heard();
        assert_eq!(heard.len(), 2);
        assert!(heard[0].starts_with("3 ") && heard[1] == "13 ", "{heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_adapter_still_knows_its_own_sockets() {
    let bus = LocalBus::new();
    let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
    a.socket("a", &[]);
    b.socket("b", &[]);
    a.adapter.close().await;
    settle().await;
    assert_eq!(a.emit("[1]", &Target::default()), 1);
    b.emit("[2]", &Target::default());
    a.adapter.act(Action::Join(vec!["r".into()]), &Target::default());
    assert_eq!(a.fetched(&Target::to("r")).await, ["a"]);
    let (asked, heard) = a.ask(&Target::default());
    let programs = a.ask_programs();
    settle().await;
    assert_eq!((asked, heard.numbers(), programs.numbers()), (1, (0, 0, 0, 0), (0, 0, 0, 0)));
    assert_eq!((a.log.take(), b.log.take()), (vec!["a [1]".into()], vec!["b [2]".into()]));
}

#[tokio::test(start_paused = true)]
async fn closing_ends_what_waits_for_other_nodes() {
    let bus = LocalBus::new();
    let (mortal_bus, dead) = Faulty::mortal(&bus);
    let (a, b) = (Node::start(&bus).await, Node::start(&mortal_bus).await);
    b.socket("b", &[]);
    let (_, heard) = a.ask(&Target::default());
    settle().await;
    dead.store(true, Ordering::Relaxed);
    let programs = a.ask_programs();
    let adapter = a.adapter.clone();
    let fetch = tokio::spawn(async move { adapter.fetch(&Target::default()).await });
    settle().await;
    let start = tokio::time::Instant::now();
    a.adapter.close().await;
    assert_eq!((heard.numbers(), programs.numbers()), ((0, 1, 1, 0), (0, 1, 1, 0)));
    let fetched = fetch.await.unwrap();
    assert!(matches!(fetched, Err(AdapterError::Unreachable(_))), "{fetched:?}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_closed_and_opened_at_once_is_a_new_node() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let other = Node::start(&bus).await;
        let mut old = Node::start(&bus).await;
        for _ in 0..5 {
            let new = Node::of(Cluster::new(bus.clone()), "/");
            drop(old);
            old = new;
        }
        settle().await;
        old.socket("s", &[]);
        assert_eq!(other.adapter.server_count().await.unwrap(), 2);
        other.emit("[1]", &Target::default());
        settle().await;
        assert_eq!(old.log.take(), ["s [1]"]);
        assert_eq!(other.fetched(&Target::default()).await, ["s"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_is_dropped_while_it_subscribes_leaves_no_subscription() {
    let bus = LocalBus::counted();
    for turns in 0..4 {
        let node = Node::of(Cluster::new(bus.clone()), "/");
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        drop(node);
        settle().await;
        assert_eq!(bus.count("/").await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_was_not_opened_is_alone() {
    let bus = LocalBus::new();
    let other = Node::start(&bus).await;
    let adapter = Cluster::new(bus.clone()).adapter("/");
    settle().await;
    adapter.broadcast(&packet("[1]", None), &Target::default());
    assert_eq!(adapter.server_count().await.unwrap(), 1);
    assert!(adapter.fetch(&Target::default()).await.unwrap().is_empty());
    adapter.close().await;
    settle().await;
    assert_eq!(other.adapter.server_count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_bus_hears_of_rooms_that_come_into_being_and_end() {
    let bus = Faulty::new(&LocalBus::new(), |_| crate::support::Fate::Pass);
    let node = Node::start(&bus).await;
    let (_, a) = node.socket("a", &["r".into(), Room::user("1")]);
    let (_, b) = node.socket("b", &["r".into(), "a".into()]);
    assert_eq!(bus.rooms.take(), ["+/#a", "+/#r", "+/#$user:1", "+/#b"]);
    node.adapter.leave(a, &["r".into()]);
    assert!(bus.rooms.take().is_empty());
    node.adapter.act(Action::Leave(vec!["r".into()]), &Target::default());
    assert_eq!(bus.rooms.take(), ["-/#r"]);
    node.adapter.remove(a);
    assert_eq!(bus.rooms.take(), ["-/#$user:1"], "somebody else is in the room `a`");
    node.adapter.remove(b);
    assert_eq!(bus.rooms.take(), ["-/#a", "-/#b"]);
}

#[tokio::test(start_paused = true)]
async fn one_room_and_nothing_to_answer_goes_to_that_rooms_nodes_alone() {
    #[derive(Debug)]
    struct Addressed(crate::support::Log);

    impl Bus for Addressed {
        fn open<'a>(
            &'a self,
            _: &'a str,
            _: &'a str,
            _: tower_socketio_adapter::Inbox,
        ) -> tower_socketio_adapter::BoxFuture<'a, Result<(), tower_socketio_adapter::BusError>> {
            Box::pin(async { Ok(()) })
        }

        fn publish<'a>(
            &'a self,
            message: &'a tower_socketio_adapter::Message,
            to: tower_socketio_adapter::To<'a>,
        ) -> tower_socketio_adapter::BoxFuture<
            'a,
            Result<Option<tower_socketio_adapter::Offset>, tower_socketio_adapter::BusError>,
        > {
            if message.kind != MessageKind::InitialHeartbeat {
                self.0.push(format!("{to:?}"));
            }
            Box::pin(async { Ok(None) })
        }
    }

    let log = crate::support::Log::default();
    let node = Node::of(Cluster::new(Addressed(log.clone())), "/");
    settle().await;
    node.emit("[1]", &Target::default());
    node.emit("[1]", &Target::to(Room::user("1")).except("x"));
    node.emit("[1]", &Target::to(["a", "b"]));
    node.ask(&Target::to("a"));
    node.adapter.act(Action::Join(vec!["b".into()]), &Target::to("a"));
    settle().await;
    assert_eq!(log.take(), ["All", r#"Room("$user:1")"#, "All", "All", "All"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_on_several_threads_lose_nothing() {
    let bus = LocalBus::new();
    let (a, b) = (Node::of(Cluster::new(bus.clone()), "/"), Node::of(Cluster::new(bus.clone()), "/"));
    while a.adapter.server_count().await.unwrap() + b.adapter.server_count().await.unwrap() < 4 {
        tokio::task::yield_now().await;
    }
    a.socket("a", &[]);
    b.socket("b", &[]);
    let both = [(a.adapter.clone(), b.adapter.clone()), (b.adapter.clone(), a.adapter.clone())];
    let tasks = both.into_iter().map(|(adapter, _)| {
        tokio::spawn(async move {
            for round in 0..200 {
                adapter.broadcast(&packet("[1]", None), &Target::default());
                if round % 20 == 0 {
                    assert_eq!(adapter.fetch(&Target::default()).await.unwrap().len(), 2);
                }
            }
            // What was emitted before is there before the answer.
            adapter.fetch(&Target::default()).await.unwrap().len()
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), 2);
    }
    assert_eq!((a.log.take().len(), b.log.take().len()), (400, 400));
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_while_it_leaves_is_not_waited_for() {
    let bus = LocalBus::counted();
    let asking = Node::start(&bus).await;
    for turns in 0..40 {
        let leaving = Node::start(&bus).await;
        let start = tokio::time::Instant::now();
        let leaves = tokio::spawn(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            leaving.adapter.close().await;
        });
        let found = asking.adapter.fetch(&Target::default()).await;
        assert!(found.is_ok_and(|found| found.is_empty()), "after {turns} turns");
        assert!(start.elapsed() < SECOND, "after {turns} turns");
        leaves.await.unwrap();
    }
}

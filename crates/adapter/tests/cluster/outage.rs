//! A bus that fails, comes back, is slow, or takes some messages only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tower_socketio_adapter::{AdapterError, Cluster, LocalBus, MessageKind, Target};

use crate::lines::Lines;
use crate::support::{Fate, Faulty, Node, SECOND, outgoing, settle};

#[tokio::test(start_paused = true)]
async fn local_delivery_goes_on_in_an_outage_and_the_nodes_find_each_other_after_it() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let (lines, _guard) = Lines::listen();
        let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
        a.socket("a", &[]);
        b.socket("b", &[]);
        bus.outage(true);
        settle().await;
        for _ in 0..3 {
            assert_eq!(a.emit("[1]", &Target::default()), 1);
        }
        settle().await;
        assert_eq!((a.log.take().len(), b.log.take().len()), (3, 0));
        assert!(a.cluster.is_down());
        assert_eq!((a.cluster.outages(), a.cluster.unpublished()), (1, 3));
        tokio::time::sleep(30 * SECOND).await;
        assert_eq!(lines.count("out of reach"), 2, "once for each node");

        bus.outage(false);
        tokio::time::sleep(6 * SECOND).await;
        assert!(!a.cluster.is_down() && !b.cluster.is_down());
        assert_eq!(lines.count("within reach again"), 2);
        assert_eq!(a.adapter.server_count().await.unwrap(), 2);
        a.emit("[2]", &Target::default());
        settle().await;
        assert_eq!((a.log.take(), b.log.take()), (vec!["a [2]".to_owned()], vec!["b [2]".to_owned()]));
        assert_eq!(b.fetched(&Target::default()).await, ["a", "b"]);
        bus.outage(true);
        settle().await;
        assert_eq!(a.cluster.outages(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_fail_at_once_in_an_outage() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let (a, _b) = (Node::start(&bus).await, Node::start(&bus).await);
        let (_, before) = a.ask(&Target::default());
        assert_eq!(before.counts().nodes, 1);
        bus.outage(true);
        let (_, heard) = a.ask(&Target::default());
        let programs = a.ask_programs();
        let start = tokio::time::Instant::now();
        let fetched = a.adapter.fetch(&Target::default()).await;
        assert!(matches!(fetched, Err(AdapterError::Unreachable(_))), "{fetched:?}");
        settle().await;
        assert_eq!((before.counts().nodes, heard.counts().nodes, programs.counts().nodes), (0, 0, 0));
        assert_eq!(programs.counts().asked, programs.counts().lost);
        assert!(start.elapsed() < SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_in_an_outage_joins_when_it_is_over() {
    let bus = LocalBus::new();
    bus.outage(true);
    let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
    assert!(a.cluster.is_down());
    tokio::time::sleep(20 * SECOND).await;
    bus.outage(false);
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!((a.adapter.server_count().await.unwrap(), b.cluster.outages()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_were_not_heard_of_in_an_outage_are_waited_for_no_longer() {
    let bus = LocalBus::new();
    let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
    b.socket("b", &[]);
    let mut to = Target::default();
    to.flags.timeout = Some(60 * SECOND);
    let (_, heard) = a.ask(&to);
    settle().await;
    bus.outage(true);
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!(heard.numbers(), (0, 1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_bus_refuses_is_no_outage() {
    let bus = LocalBus::new();
    let refusing = Faulty::new(&bus, |message| match message.kind {
        MessageKind::Broadcast | MessageKind::FetchSockets => Fate::Refuse,
        _ => Fate::Pass,
    });
    let (a, _b) = (Node::start(&refusing).await, Node::start(&bus).await);
    a.emit("[1]", &Target::default());
    let fetched = a.adapter.fetch(&Target::default()).await;
    assert!(matches!(fetched, Err(AdapterError::Unreachable(_))), "{fetched:?}");
    settle().await;
    assert_eq!((a.cluster.is_down(), a.cluster.outages(), a.cluster.unpublished()), (false, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_takes_every_other_message_is_told_of_now_and_then_and_not_each_time() {
    let bus = LocalBus::counted();
    let away = Arc::new(AtomicBool::new(false));
    let fails = away.clone();
    let fate = move |_: &_| if fails.load(Ordering::Relaxed) { Fate::Fail } else { Fate::Pass };
    let (lines, _guard) = Lines::listen();
    let node = Node::start(&Faulty::new(&bus, fate)).await;
    let emit = async |fails| {
        away.store(fails, Ordering::Relaxed);
        node.emit("[1]", &Target::default());
        settle().await;
        assert_eq!(node.cluster.is_down(), fails);
    };
    let said = || (lines.count("out of reach"), lines.count("within reach again"));
    emit(true).await;
    assert_eq!(said(), (1, 0));
    for _ in 0..500 {
        emit(false).await;
        emit(true).await;
    }
    assert_eq!((said(), node.cluster.outages()), ((1, 1), 501));
    // It stays away, which is said although it was not when that began.
    tokio::time::sleep(10 * SECOND).await;
    emit(true).await;
    emit(true).await;
    assert_eq!(said(), (2, 1));
    emit(false).await;
    assert_eq!(said(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_of_also_if_the_last_one_was_not_seen_to_end() {
    let bus = LocalBus::counted();
    let (lines, _guard) = Lines::listen();
    let node = Node::start(&bus).await;
    bus.outage(true);
    settle().await;
    node.adapter.close().await;
    bus.outage(false);
    assert!(!node.cluster.is_down());
    tokio::time::sleep(20 * SECOND).await;
    let said = || (lines.count("out of reach"), lines.count("within reach again"));
    assert_eq!(said(), (1, 0));
    let other = Node::of(node.cluster.clone(), "/other");
    settle().await;
    assert_eq!(said(), (1, 1));
    bus.outage(true);
    settle().await;
    assert_eq!(said(), (2, 1));
    other.adapter.close().await;
    tokio::time::sleep(20 * SECOND).await;
    let _third = Node::start(&bus).await;
    assert_eq!(lines.count("out of reach"), 3, "of another cluster's");
    let fourth = Node::of(node.cluster.clone(), "/fourth");
    settle().await;
    assert_eq!((fourth.cluster.is_down(), said()), (true, (4, 1)));
}

#[tokio::test(start_paused = true)]
async fn that_too_much_waits_is_told_now_and_then_and_not_each_time() {
    let bus = LocalBus::new();
    let stuck = Faulty::new(&bus, |_| Fate::Hang);
    let (lines, _guard) = Lines::listen();
    let node = Node::of(Cluster::new(stuck).publish_budget(100_000), "/");
    settle().await;
    let big = Bytes::from(format!("[\"{}\"]", "x".repeat(3000)));
    for _ in 0..200 {
        node.adapter.broadcast(&outgoing(big.clone(), Vec::new(), None), &Target::default());
        node.emit("[1]", &Target::default());
    }
    assert!(node.cluster.unpublished() > 100);
    assert_eq!(lines.count("`publish_budget` is spent"), 1);
    tokio::time::sleep(60 * SECOND).await;
    for _ in 0..200 {
        node.adapter.broadcast(&outgoing(big.clone(), Vec::new(), None), &Target::default());
    }
    assert_eq!(lines.count("`publish_budget` is spent"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_slow_bus_is_bounded() {
    let bus = LocalBus::new();
    let stuck = Faulty::new(&bus, |_| Fate::Hang);
    let (lines, _guard) = Lines::listen();
    let node = Node::of(Cluster::new(stuck.clone()).publish_budget(9_900), "/");
    node.socket("s", &[]);
    settle().await;
    let big = Bytes::from(format!("[\"{}\"]", "x".repeat(3000)));
    for _ in 0..20 {
        assert_eq!(node.adapter.broadcast(&outgoing(big.clone(), Vec::new(), None), &Target::default()), 1);
    }
    assert_eq!((node.cluster.unpublished(), lines.count("`publish_budget` is spent")), (17, 1));
    let (_, heard) = node.ask(&Target::default());
    assert_eq!(heard.counts().nodes, 0, "what does not go out is not waited for");
    // Each message has its time, and then there is room again.
    tokio::time::sleep(60 * SECOND).await;
    let before = node.cluster.unpublished();
    node.emit("[1]", &Target::default());
    assert_eq!(node.cluster.unpublished(), before);
    assert!(node.cluster.is_down());
}

#[tokio::test(start_paused = true)]
async fn closing_ends_although_the_bus_does_not_answer() {
    let bus = LocalBus::new();
    let stuck = Faulty::new(&bus, |_| Fate::Hang);
    let node = Node::start(&stuck).await;
    for _ in 0..100 {
        node.emit("[1]", &Target::default());
    }
    let start = tokio::time::Instant::now();
    node.adapter.close().await;
    assert!(start.elapsed() <= 15 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_falls_behind_loses_its_subscription_and_opens_it_again() {
    let bus = LocalBus::new();
    let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
    b.socket("b", &[]);
    // Nobody else has a turn while this publishes.
    let args = Bytes::from_static(b"[1]");
    let publishing = async {
        let stranger = crate::support::Stranger::new(&bus, "s").await;
        let opts = r#"{"packet":{"type":2,"data":[1]},"opts":{"rooms":[],"except":[]}}"#;
        let namespace = Some("/".into());
        let message = tower_socketio_adapter::Message::new(
            MessageKind::Broadcast,
            namespace,
            "s".into(),
            opts.into(),
            vec![],
        );
        for _ in 0..20_000 {
            use tower_socketio_adapter::{Bus, To};
            bus.publish(&message, To::All).await.unwrap();
        }
        drop(stranger);
    };
    tokio::task::unconstrained(publishing).await;
    assert_eq!((a.cluster.outages(), b.cluster.outages()), (1, 1));
    tokio::time::sleep(SECOND).await;
    assert!(!b.cluster.is_down());
    b.log.take();
    a.adapter.broadcast(&outgoing(args, Vec::new(), None), &Target::default());
    settle().await;
    assert_eq!(b.log.take(), ["b [1]"]);
}

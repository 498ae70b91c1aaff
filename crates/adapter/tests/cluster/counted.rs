//! Who answers where the bus counts nodes, while they come and go.

use std::time::Duration;

use tokio::time::Instant;
use tower_socketio_adapter::{Bus, Cluster, LocalBus, Message, MessageKind, Target};

use crate::support::{Fate, Faulty, Node, SECOND, Stranger, settle};

const MOMENT: Duration = Duration::from_millis(10);

/// A node of which what it says of this kind takes so long.
async fn late(bus: &LocalBus, kind: MessageKind, wait: Duration) -> Node {
    let fate = move |message: &Message| if message.kind == kind { Fate::Late(wait) } else { Fate::Pass };
    Node::start(&Faulty::new(bus, fate)).await
}

/// A node whose bus says whom a question has reached, and would take a while to count.
async fn asking(bus: &LocalBus) -> Node {
    let mut bus = Faulty::new(bus, |_| Fate::Pass);
    (bus.tells, bus.counting) = (true, MOMENT / 5);
    Node::start(&bus).await
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_when_it_has_answered_does_not_stand_for_another_one() {
    let bus = LocalBus::counted();
    let (asking, leaving) = (asking(&bus).await, late(&bus, MessageKind::AdapterClose, MOMENT).await);
    let slow = late(&bus, MessageKind::FetchSocketsResponse, 2 * MOMENT).await;
    leaving.socket("leaves", &[]);
    slow.socket("stays", &[]);
    let adapter = asking.adapter.clone();
    let fetch = tokio::spawn(async move { adapter.fetch(&Target::default()).await.unwrap() });
    settle().await;
    leaving.adapter.close().await;
    let mut found: Vec<_> = fetch.await.unwrap().into_iter().map(|socket| socket.id).collect();
    found.sort();
    assert_eq!(found, ["leaves", "stays"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_left_before_a_question_and_says_so_after_it_does_not_stand_for_another_one() {
    let bus = LocalBus::counted();
    let (asking, leaving) = (asking(&bus).await, late(&bus, MessageKind::AdapterClose, MOMENT).await);
    let slow = late(&bus, MessageKind::FetchSocketsResponse, 2 * MOMENT).await;
    slow.socket("stays", &[]);
    let leaves = tokio::spawn(async move { leaving.adapter.close().await });
    settle().await;
    assert_eq!(bus.count("/").await.unwrap(), 2);
    assert_eq!(asking.fetched(&Target::default()).await, ["stays"]);
    leaves.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_when_the_question_is_out_is_not_waited_for() {
    let bus = LocalBus::counted();
    let (asking, there) = (asking(&bus).await, Node::start(&bus).await);
    there.socket("there", &[]);
    let start = Instant::now();
    let adapter = asking.adapter.clone();
    let fetch = tokio::spawn(async move { adapter.fetch(&Target::default()).await.unwrap().len() });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let _comes = Node::start(&bus).await;
    assert_eq!((fetch.await.unwrap(), start.elapsed() < SECOND), (1, true));
}

#[tokio::test(start_paused = true)]
async fn what_a_program_is_about_to_answer_when_its_node_leaves_is_waited_for() {
    let bus = LocalBus::counted();
    let (stranger, leaving) = (Stranger::new(&bus, "stranger").await, Node::start(&bus).await);
    stranger.say(MessageKind::ServerSideEmit, r#"{"packet":["who"],"requestId":"1f"}"#).await;
    let (adapter, home) = (leaving.adapter.clone(), leaving.home.clone());
    let leaves = tokio::spawn(async move { adapter.close().await });
    tokio::time::sleep(SECOND).await;
    assert_eq!(bus.count("/").await.unwrap(), 1, "nobody asks it any more");
    assert!(stranger.heard().is_empty());
    home.answer("[7]");
    leaves.await.unwrap();
    settle().await;
    assert_eq!(stranger.heard(), [r#"10 {"requestId":"ID","packet":7}"#, "13 "]);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_answer_keeps_its_node_for_as_long_as_anybody_waits() {
    let bus = LocalBus::counted();
    let stranger = Stranger::new(&bus, "stranger").await;
    let leaving = Node::of(Cluster::new(bus.clone()).request_timeout(2 * SECOND), "/");
    settle().await;
    stranger.say(MessageKind::ServerSideEmit, r#"{"packet":["who"],"requestId":"1f"}"#).await;
    let start = Instant::now();
    leaving.adapter.close().await;
    assert_eq!(start.elapsed(), 2 * SECOND);
    // One that says that there is no answer keeps it no longer.
    let leaving = Node::start(&bus).await;
    stranger.say(MessageKind::ServerSideEmit, r#"{"packet":["who"],"requestId":"2f"}"#).await;
    leaving.home.waiting.lock().unwrap().clear();
    let start = Instant::now();
    leaving.adapter.close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

//! Who is there: heartbeats, nodes that come, and nodes that end with or without a word.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tower_socketio_adapter::{AdapterError, Cluster, LocalBus, MessageKind, Target};

use crate::support::{Fate, Faulty, Node, SECOND, Stranger, settle};

#[tokio::test(start_paused = true)]
async fn a_node_says_that_it_is_there_and_is_answered() {
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "s").await;
    let a = Node::start(&bus).await;
    assert_eq!(stranger.heard(), ["1 "]);
    let _b = Node::start(&bus).await;
    assert_eq!(stranger.heard(), ["1 ", "2 "]);
    assert_eq!(a.adapter.server_count().await.unwrap(), 2, "who only listens is no node");
    stranger.say(MessageKind::InitialHeartbeat, "").await;
    assert_eq!(stranger.heard(), ["2 ", "2 "]);
    assert_eq!(a.adapter.server_count().await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_says_every_five_seconds_that_it_is_still_there_unless_it_says_something_else() {
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "s").await;
    let node = Node::start(&bus).await;
    stranger.heard();
    tokio::time::sleep(SECOND * 49 / 10).await;
    assert!(stranger.heard().is_empty());
    tokio::time::sleep(SECOND / 5).await;
    assert_eq!(stranger.heard(), ["2 "]);
    tokio::time::sleep(4 * SECOND).await;
    node.emit("[1]", &Target::default());
    tokio::time::sleep(SECOND * 49 / 10).await;
    assert_eq!(stranger.heard().len(), 1, "the event alone");
    tokio::time::sleep(SECOND / 5).await;
    assert_eq!(stranger.heard(), ["2 "]);
    // What goes to one room may not come to everybody.
    tokio::time::sleep(4 * SECOND).await;
    node.emit("[1]", &Target::to("r"));
    tokio::time::sleep(SECOND * 11 / 10).await;
    assert_eq!(stranger.heard().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn any_message_keeps_a_node_and_ten_seconds_of_silence_end_it() {
    let bus = LocalBus::new();
    let node = Node::start(&bus).await;
    let stranger = Stranger::new(&bus, "s").await;
    let opts = r#"{"opts":{"rooms":[],"except":[],"flags":{}},"rooms":[]}"#;
    for kind in [MessageKind::Heartbeat, MessageKind::SocketsJoin, MessageKind::SocketsLeave] {
        stranger.say(kind, opts).await;
        tokio::time::sleep(9 * SECOND).await;
        assert_eq!(node.adapter.server_count().await.unwrap(), 2);
    }
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(node.adapter.server_count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_have_the_times_that_are_set() {
    let bus = LocalBus::new();
    let fast = Cluster::new(bus.clone()).heartbeat_interval(SECOND / 10).heartbeat_timeout(SECOND / 4);
    let stranger = Stranger::new(&bus, "s").await;
    let node = Node::of(fast.settle_time(Duration::ZERO), "/");
    settle().await;
    stranger.say(MessageKind::Heartbeat, "").await;
    stranger.heard();
    tokio::time::sleep(SECOND / 5).await;
    assert_eq!(stranger.heard(), ["2 ", "2 "]);
    assert_eq!(node.adapter.server_count().await.unwrap(), 2);
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(node.adapter.server_count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn emitters_and_senders_without_a_name_emit_but_are_no_nodes() {
    let bus = LocalBus::new();
    let node = Node::start(&bus).await;
    node.socket("s", &[]);
    let stranger = Stranger::new(&bus, "watcher").await;
    for id in ["emitter", ""] {
        let opts = r#""opts":{"rooms":[],"except":[],"flags":{}}"#;
        stranger.say_as(id, MessageKind::InitialHeartbeat, "").await;
        let packet = r#""packet":{"type":2,"data":["e"],"nsp":"/"}"#;
        stranger.say_as(id, MessageKind::Broadcast, format!("{{{packet},{opts}}}")).await;
        let asking = format!(r#"{{{packet},{opts},"requestId":"r"}}"#);
        stranger.say_as(id, MessageKind::Broadcast, asking).await;
        stranger.say_as(id, MessageKind::FetchSockets, format!(r#"{{{opts},"requestId":"r"}}"#)).await;
        let event = r#"{"packet":["hi"],"requestId":"r"}"#;
        stranger.say_as(id, MessageKind::ServerSideEmit, event).await;
        assert_eq!(node.log.take(), [r#"s ["e"]"#, r#"s ["e"]"#, r#"event ["hi"] false"#]);
    }
    assert_eq!(node.adapter.server_count().await.unwrap(), 1);
    let answers = stranger.messages();
    let others = answers.iter().filter(|message| !["emitter", ""].contains(&&*message.node));
    assert_eq!(others.count(), 0, "nobody is there to be answered");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_without_a_word_is_waited_for_no_longer() {
    let bus = LocalBus::new();
    let (mortal_bus, dead) = Faulty::mortal(&bus);
    let a = Node::start(&bus).await;
    let mortal = Node::start(&mortal_bus).await;
    let c = Node::start(&bus).await;
    mortal.socket("m", &[]);
    let mut to = Target::default();
    to.flags.timeout = Some(60 * SECOND);
    let (_, counted) = a.ask(&to);
    settle().await;
    assert_eq!(counted.numbers(), (0, 1, 0, 0));
    dead.store(true, Ordering::Relaxed);
    let (_, silent) = a.ask(&to);
    let programs = {
        let heard = std::sync::Arc::new(crate::support::Heard::default());
        let asks = tower_socketio_adapter::ServerAsk { answers: heard.clone(), timeout: 60 * SECOND };
        a.adapter.server_side_emit("[\"who\"]".into(), Vec::new(), Some(asks));
        heard
    };
    let start = tokio::time::Instant::now();
    let fetch = a.adapter.fetch(&to);
    let (fetched, ()) = tokio::join!(fetch, async {
        settle().await;
        c.home.answer("[1]");
        settle().await;
        assert_eq!((silent.numbers(), programs.numbers()), ((1, 0, 0, 0), (0, 2, 0, 1)));
    });
    assert!(start.elapsed() <= 11 * SECOND, "{:?}", start.elapsed());
    assert!(fetched.unwrap().is_empty());
    assert_eq!(counted.numbers(), (0, 1, 1, 0));
    assert_eq!(silent.numbers(), (0, 0, 0, 0));
    assert_eq!(programs.numbers(), (0, 2, 1, 1));
    assert_eq!(a.adapter.server_count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_counted_node_that_dies_without_a_word_is_waited_for_until_the_time_is_up() {
    let bus = LocalBus::counted();
    let (mortal_bus, dead) = Faulty::mortal(&bus);
    let a = Node::start(&bus).await;
    let _mortal = Node::start(&mortal_bus).await;
    dead.store(true, Ordering::Relaxed);
    let (_, heard) = a.ask(&Target::default());
    let start = tokio::time::Instant::now();
    let fetched = a.adapter.fetch(&Target::default()).await;
    assert!(matches!(fetched, Err(AdapterError::Timeout { missing: 1 })), "{fetched:?}");
    assert_eq!((start.elapsed(), heard.numbers()), (5 * SECOND, (1, 0, 0, 0)));
    tokio::time::sleep(SECOND).await;
    assert_eq!(heard.numbers(), (0, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_takes_its_leave_is_waited_for_no_longer() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
        b.socket("b", &[]);
        let (_, heard) = a.ask(&Target::default());
        let programs = a.ask_programs();
        settle().await;
        assert_eq!((heard.numbers(), programs.numbers()), ((0, 1, 0, 0), (0, 1, 0, 0)));
        b.adapter.close().await;
        settle().await;
        assert_eq!((heard.numbers(), programs.numbers()), ((0, 1, 1, 0), (0, 1, 1, 0)));
        assert_eq!(b.log.take(), [r#"event ["who"] true"#, "forget 100"]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_asked_and_is_gone_is_not_answered() {
    let bus = LocalBus::new();
    let node = Node::start(&bus).await;
    let (socket, _) = node.socket("s", &[]);
    let stranger = Stranger::new(&bus, "s").await;
    let question = r#"{"packet":{"type":2,"data":["q"]},"requestId":"r","opts":{"rooms":[],"except":[],"flags":{"timeout":1e300}}}"#;
    stranger.say(MessageKind::Broadcast, question).await;
    tokio::time::sleep(9 * SECOND).await;
    assert!(node.log.take().is_empty());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(node.log.take(), ["forget 100"]);
    stranger.heard();
    socket.answer("[1]");
    settle().await;
    stranger.say(MessageKind::Broadcast, question).await;
    stranger.say(MessageKind::AdapterClose, "").await;
    assert_eq!(node.log.take(), ["forget 101"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_joins_later_takes_part_in_what_comes_after() {
    let bus = LocalBus::new();
    let a = Node::start(&bus).await;
    let (_, heard) = a.ask(&Target::default());
    assert_eq!(heard.numbers(), (0, 0, 0, 0));
    let b = Node::start(&bus).await;
    b.socket("b", &[]);
    let (_, heard) = a.ask(&Target::default());
    settle().await;
    assert_eq!(heard.numbers(), (0, 1, 0, 0));
    assert_eq!(b.fetched(&Target::default()).await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_joins_while_answers_come_is_heard_too() {
    let bus = LocalBus::new();
    let a = Node::start(&bus).await;
    let slow = Stranger::new(&bus, "slow").await;
    slow.say(MessageKind::Heartbeat, "").await;
    let (_, heard) = a.ask(&Target::default());
    settle().await;
    let request = slow.messages().into_iter().find(|message| message.kind == MessageKind::Broadcast).unwrap();
    let id = crate::support::request_of(&String::from_utf8_lossy(&request.data)).unwrap();
    let count = |clients: usize| format!(r#"{{"requestId":"{id}","clientCount":{clients}}}"#);
    slow.say_as("late", MessageKind::BroadcastClientCount, count(1)).await;
    assert_eq!(heard.numbers(), (1, 1, 0, 0));
    let ack = format!(r#"{{"requestId":"{id}","packet":1}}"#);
    slow.say_as("late", MessageKind::BroadcastAck, ack).await;
    slow.say(MessageKind::BroadcastClientCount, count(0)).await;
    assert_eq!(heard.numbers(), (0, 1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_just_come_waits_for_those_that_it_does_not_know_yet() {
    let bus = LocalBus::new();
    let (a, b) = (Node::start(&bus).await, Node::start(&bus).await);
    let (socket, _) = a.socket("a", &[]);
    b.socket("b", &[]);
    let new = Node::of(Cluster::new(bus.clone()), "/");
    let (_, heard) = new.ask(&Target::default());
    let programs = new.ask_programs();
    assert_eq!((heard.numbers(), programs.numbers()), ((1, 0, 0, 0), (1, 0, 0, 0)));
    let start = tokio::time::Instant::now();
    assert_eq!(new.fetched(&Target::default()).await, ["a", "b"]);
    assert_eq!(new.adapter.server_count().await.unwrap(), 3);
    assert_eq!(start.elapsed(), SECOND / 2);
    assert_eq!((heard.numbers(), programs.numbers()), ((0, 2, 0, 0), (0, 2, 0, 0)));
    socket.answer("[1]");
    a.home.answer("[1]");
    b.home.answer("[2]");
    settle().await;
    assert_eq!((heard.numbers(), programs.numbers()), ((0, 2, 0, 1), (0, 2, 0, 2)));
    // From now on it knows them.
    let start = tokio::time::Instant::now();
    assert_eq!(new.fetched(&Target::default()).await, ["a", "b"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_come_after_a_question_are_not_waited_for() {
    let bus = LocalBus::new();
    let first = Node::of(Cluster::new(bus.clone()), "/");
    settle().await;
    let (_, heard) = first.ask(&Target::default());
    let programs = first.ask_programs();
    let adapter = first.adapter.clone();
    let fetch = tokio::spawn(async move { adapter.fetch(&Target::default()).await });
    settle().await;
    let second = Node::of(Cluster::new(bus.clone()), "/");
    tokio::time::sleep(SECOND).await;
    assert_eq!((heard.numbers(), programs.numbers()), ((0, 0, 0, 0), (0, 0, 0, 0)));
    assert!(fetch.await.unwrap().unwrap().is_empty());
    assert_eq!(second.adapter.server_count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_is_waited_for_although_it_was_not_known_when_it_was_asked() {
    let bus = LocalBus::new();
    let silent = Stranger::new(&bus, "silent").await;
    let node = Node::of(Cluster::new(bus.clone()), "/");
    let start = tokio::time::Instant::now();
    let (_, heard) = node.ask(&Target::default());
    let programs = node.ask_programs();
    let fetch = node.adapter.fetch(&Target::default());
    let (fetched, ()) = tokio::join!(fetch, async {
        settle().await;
        silent.say(MessageKind::Heartbeat, "").await;
        tokio::time::sleep(SECOND).await;
        assert_eq!((heard.numbers(), programs.numbers()), ((1, 0, 0, 0), (0, 1, 0, 0)));
    });
    assert!(matches!(fetched, Err(AdapterError::Timeout { missing: 1 })), "{fetched:?}");
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_a_node_asks_while_it_subscribes_is_answered() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let old = Node::start(&bus).await;
        old.socket("old", &[]);
        let mut slow = Faulty::new(&bus, |_| Fate::Pass);
        slow.opening = SECOND;
        let new = Node::of(Cluster::new(slow), "/");
        new.socket("new", &[]);
        let (_, heard) = new.ask(&Target::default());
        assert_eq!(new.emit("[1]", &Target::default()), 1, "this node's own do not wait");
        assert_eq!(new.fetched(&Target::default()).await, ["new", "old"]);
        assert_eq!(heard.numbers(), (0, 1, 0, 0));
        assert_eq!(
            (old.log.take(), new.log.take()),
            (vec!["old [1]".to_owned()], vec!["new [1]".to_owned()])
        );
    }
}

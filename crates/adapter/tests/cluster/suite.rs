//! What every bus must make of nodes, however they know of each other.

use std::time::Duration;

use bytes::Bytes;
use tower_socketio_adapter::{Action, AdapterError, Cluster, LocalBus, Reach, Room, Target};

use crate::support::{Counts, Node, SECOND, outgoing, packet, settle};

macro_rules! on_each_bus {
    ($($test:ident)*) => {
        mod heartbeats {
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test(super::LocalBus::new()).await;
            })*
        }

        mod counted {
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test(super::LocalBus::counted()).await;
            })*
        }
    };
}

on_each_bus! {
    each_of_four_nodes_delivers_a_broadcast_once
    a_target_says_on_which_nodes
    rooms_exceptions_and_users_are_those_of_all_nodes
    flags_and_attachments_arrive_as_they_were_sent
    events_of_one_node_arrive_in_order
    sockets_of_all_nodes_join_leave_and_are_disconnected
    sockets_of_all_nodes_are_fetched
    every_socket_of_every_node_is_asked
    a_socket_that_leaves_is_waited_for_no_longer_on_any_node
    only_sockets_on_other_nodes_are_asked
    of_an_answer_on_another_node_the_first_argument_comes
    programs_of_other_nodes_answer_once_each
    an_event_for_programs_needs_no_answer
    nodes_are_counted
    a_node_alone_waits_for_nobody
    namespaces_do_not_hear_of_each_other
    who_does_not_wait_any_more_is_forgotten
    a_question_is_forgotten_when_its_time_is_up
    requests_time_out
    no_time_is_too_short_or_too_long
}

async fn nodes<const N: usize>(bus: &LocalBus) -> [Node; N] {
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(Node::start(bus).await);
    }
    nodes.try_into().ok().expect("as many")
}

fn elsewhere(mut to: Target) -> Target {
    to.flags.reach = Reach::Elsewhere;
    to
}

fn within_a_second() -> Target {
    let mut to = Target::default();
    to.flags.timeout = Some(SECOND);
    to
}

async fn each_of_four_nodes_delivers_a_broadcast_once(bus: LocalBus) {
    let nodes = nodes::<4>(&bus).await;
    for (at, node) in nodes.iter().enumerate() {
        node.socket(&format!("s{at}"), &[]);
    }
    assert_eq!(nodes[1].emit(r#"["news",1]"#, &Target::default()), 1);
    settle().await;
    for (at, node) in nodes.iter().enumerate() {
        assert_eq!(node.log.take(), [format!(r#"s{at} ["news",1]"#)]);
    }
}

async fn a_target_says_on_which_nodes(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    a.socket("a", &[]);
    b.socket("b", &[]);
    let mut to = Target::default();
    to.flags.reach = Reach::Here;
    assert_eq!(a.emit("[1]", &to), 1);
    assert_eq!(a.emit("[2]", &elsewhere(Target::default())), 0);
    a.adapter.act(Action::Join(vec!["x".into()]), &to);
    a.adapter.act(Action::Join(vec!["y".into()]), &elsewhere(Target::default()));
    settle().await;
    assert_eq!((a.log.take(), b.log.take()), (vec!["a [1]".to_owned()], vec!["b [2]".to_owned()]));
    assert_eq!((a.adapter.room_names(), b.adapter.room_names()), (vec!["x".into()], vec!["y".into()]));
    assert_eq!(a.fetched(&to).await, ["a"]);
    assert_eq!(a.fetched(&elsewhere(Target::default())).await, ["b"]);
    assert_eq!(a.fetched(&Target::default()).await, ["a", "b"]);
}

async fn rooms_exceptions_and_users_are_those_of_all_nodes(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    a.socket("a", &["r".into()]);
    b.socket("b", &["r".into(), "s".into()]);
    b.socket("c", &["r".into(), Room::user("42")]);
    b.socket("d", &["$user:42".into(), "user:42".into()]);
    a.emit("[1]", &Target::to("r").except("s"));
    a.emit("[2]", &Target::to(["r", "s"]).except("a"));
    a.emit("[3]", &Target::to(Room::user("42")));
    a.emit("[4]", &Target::to("$user:42"));
    a.emit("[5]", &Target::to("d"));
    settle().await;
    assert_eq!(a.log.take(), ["a [1]"]);
    assert_eq!(b.log.sorted(), ["b [2]", "c [1]", "c [2]", "c [3]", "d [4]", "d [5]"]);
}

async fn flags_and_attachments_arrive_as_they_were_sent(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    b.socket("b", &[]);
    let args = r#"["e",{"_placeholder":true,"num":0},"ö"]"#;
    let attachment = Bytes::from_static(&[0, 255]);
    let mut to = Target::default();
    to.flags.volatile = true;
    a.adapter.broadcast(&outgoing(args.into(), vec![attachment.clone()], None), &to);
    to.flags.compress = false;
    to.flags.volatile = false;
    a.adapter.broadcast(&packet("[2]", None), &to);
    settle().await;
    assert_eq!(b.log.take(), [format!("b {args} {attachment:?} volatile"), "b [2] plain".to_owned()]);
}

async fn events_of_one_node_arrive_in_order(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    b.socket("b", &[]);
    let mut expected = Vec::new();
    for number in 0..500 {
        let text = format!("[{number}]");
        a.adapter.broadcast(&outgoing(text.clone().into(), Vec::new(), None), &Target::to("x"));
        a.adapter.act(Action::Join(vec!["x".into()]), &Target::to("b"));
        a.adapter.broadcast(&outgoing(text.clone().into(), Vec::new(), None), &Target::to("x"));
        a.adapter.act(Action::Leave(vec!["x".into()]), &Target::to("b"));
        expected.push(format!("b {text}"));
    }
    settle().await;
    assert_eq!(b.log.take(), expected);
}

async fn sockets_of_all_nodes_join_leave_and_are_disconnected(bus: LocalBus) {
    let [a, b, c] = nodes(&bus).await;
    let (_, here) = a.socket("a", &["r".into()]);
    let (_, there) = b.socket("b", &["r".into()]);
    let (_, other) = c.socket("c", &[]);
    a.adapter.act(Action::Join(vec!["x".into(), Room::user("1")]), &Target::to("r"));
    settle().await;
    assert_eq!(a.adapter.rooms(here), ["a".into(), "r".into(), "x".into(), Room::user("1")]);
    assert_eq!(b.adapter.rooms(there), ["b".into(), "r".into(), "x".into(), Room::user("1")]);
    assert_eq!(c.adapter.rooms(other), ["c"]);
    b.adapter.act(Action::Leave(vec!["r".into(), Room::user("1")]), &Target::to("x"));
    settle().await;
    assert_eq!(a.adapter.rooms(here), ["a", "x"]);
    assert_eq!(b.adapter.rooms(there), ["b", "x"]);
    c.adapter.act(Action::Disconnect { close: true }, &Target::to("x"));
    c.adapter.act(Action::Disconnect { close: false }, &Target::to("a"));
    settle().await;
    assert_eq!(a.log.take(), ["a disconnect true", "a disconnect false"]);
    assert_eq!(b.log.take(), ["b disconnect true"]);
    assert!(c.log.take().is_empty());
}

async fn sockets_of_all_nodes_are_fetched(bus: LocalBus) {
    let [a, b, c] = nodes(&bus).await;
    a.socket("a", &["r".into()]);
    b.socket("b", &[Room::user("1"), "r".into()]);
    c.socket("c", &[]);
    assert_eq!(a.fetched(&Target::default()).await, ["a", "b", "c"]);
    let found = c.adapter.fetch(&Target::to(Room::user("1"))).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rooms, ["b".into(), Room::user("1"), "r".into()]);
    assert_eq!((&*found[0].handshake, &*found[0].data), (&br#"{"secure":false}"#[..], &br#"{"n":[1]}"#[..]));
    assert_eq!(c.fetched(&Target::to("nobody")).await, [""; 0]);
}

async fn every_socket_of_every_node_is_asked(bus: LocalBus) {
    let [a, b, c] = nodes(&bus).await;
    let (here, _) = a.socket("a", &["r".into()]);
    let (there, _) = b.socket("b", &["r".into()]);
    let (and_there, _) = b.socket("c", &["r".into()]);
    c.socket("d", &[]);
    let (asked, heard) = a.ask(&Target::to("r"));
    assert_eq!(asked, 1);
    assert!(heard.counts().nodes > 0, "other nodes have not counted yet");
    settle().await;
    assert_eq!(heard.numbers(), (0, 2, 0, 0));
    there.answer(r#"["b"]"#);
    and_there.answer(r#"["c"]"#);
    here.answer(r#"["a",1]"#);
    settle().await;
    let mut answers = heard.counts().answers;
    answers.sort();
    assert_eq!(answers, [r#"["b"]"#, r#"["c"]"#, r#"a["a",1]"#]);
    assert_eq!(b.log.take(), ["forget 100"], "all have answered");
    assert_eq!(c.log.take(), ["forget 100"], "nobody was asked");
}

async fn a_socket_that_leaves_is_waited_for_no_longer_on_any_node(bus: LocalBus) {
    let [a, b, c] = nodes(&bus).await;
    let [(stays, _), (leaves, _)] = [b.socket("b", &[]), b.socket("c", &[])];
    let (last, _) = c.socket("d", &[]);
    let (_, heard) = a.ask(&Target::default());
    settle().await;
    leaves.leave();
    settle().await;
    assert_eq!(heard.numbers(), (0, 3, 1, 0));
    stays.answer(r#"["b"]"#);
    last.leave();
    settle().await;
    assert_eq!(heard.numbers(), (0, 3, 2, 1));
    assert_eq!((b.log.take(), c.log.take()), (vec!["forget 100".into()], vec!["forget 100".into()]));
    // Nobody has left twice, or after an answer.
    stays.leave();
    settle().await;
    assert_eq!(heard.numbers(), (0, 3, 2, 1));
}

async fn only_sockets_on_other_nodes_are_asked(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    a.socket("a", &[]);
    b.socket("b", &[]);
    let (asked, heard) = a.ask(&elsewhere(Target::default()));
    settle().await;
    assert_eq!((asked, heard.numbers()), (0, (0, 1, 0, 0)));
}

async fn of_an_answer_on_another_node_the_first_argument_comes(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    for (answer, comes) in [(r#"[ {"a":[1]} ,2]"#, r#"[{"a":[1]}]"#), ("[]", "[]"), ("[null,1]", "[null]")] {
        let (socket, handle) = b.socket("b", &[]);
        let (_, heard) = a.ask(&Target::default());
        settle().await;
        socket.answer(answer);
        settle().await;
        let expected = Counts { asked: 1, answers: vec![comes.to_owned()], ..Counts::default() };
        assert_eq!(heard.counts(), expected);
        b.adapter.remove(handle);
    }
}

async fn programs_of_other_nodes_answer_once_each(bus: LocalBus) {
    let [a, b, c] = nodes(&bus).await;
    let heard = a.ask_programs();
    settle().await;
    assert_eq!(heard.numbers(), (0, 2, 0, 0));
    assert_eq!((a.log.take(), b.log.take()), (vec![], vec![r#"event ["who"] true"#.to_owned()]));
    b.home.answer(r#"["b",2]"#);
    settle().await;
    c.home.answer("[]");
    settle().await;
    let expected = Counts { asked: 2, answers: vec![r#"["b"]"#.into(), "[]".into()], ..Counts::default() };
    assert_eq!(heard.counts(), expected);
}

async fn an_event_for_programs_needs_no_answer(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    a.adapter.server_side_emit(Bytes::from_static(br#"["hi",{"n":1}]"#), Vec::new(), None);
    settle().await;
    assert_eq!((a.log.take(), b.log.take()), (vec![], vec![r#"event ["hi",{"n":1}] false"#.to_owned()]));
}

async fn nodes_are_counted(bus: LocalBus) {
    let alone = Node::start(&bus).await;
    assert_eq!(alone.adapter.server_count().await.unwrap(), 1);
    let others = nodes::<3>(&bus).await;
    for node in others.iter().chain([&alone]) {
        assert_eq!(node.adapter.server_count().await.unwrap(), 4);
    }
    others[0].adapter.close().await;
    settle().await;
    assert_eq!(alone.adapter.server_count().await.unwrap(), 3);
}

async fn a_node_alone_waits_for_nobody(bus: LocalBus) {
    let node = Node::start(&bus).await;
    let (socket, _) = node.socket("a", &[]);
    let start = tokio::time::Instant::now();
    assert_eq!(node.fetched(&Target::default()).await, ["a"]);
    assert_eq!(start.elapsed(), std::time::Duration::ZERO);
    let (asked, heard) = node.ask(&Target::default());
    let programs = node.ask_programs();
    settle().await;
    assert_eq!((asked, heard.numbers(), programs.numbers()), (1, (0, 0, 0, 0), (0, 0, 0, 0)));
    socket.answer("[1]");
    assert_eq!(heard.counts().answers, ["a[1]"]);
}

async fn namespaces_do_not_hear_of_each_other(bus: LocalBus) {
    let [root, other] = ["/", "/other"].map(|name| Node::of(Cluster::new(bus.clone()), name));
    settle().await;
    other.socket("s", &[]);
    root.emit("[1]", &Target::default());
    settle().await;
    assert!(other.log.take().is_empty());
    assert_eq!(root.adapter.server_count().await.unwrap(), 1);
}

async fn who_does_not_wait_any_more_is_forgotten(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    let (socket, _) = b.socket("b", &[]);
    let (_, heard) = a.ask(&Target::default());
    drop((heard, a.ask_programs()));
    drop(a.adapter.fetch(&Target::default()));
    assert!(tokio::time::timeout(SECOND / 1000, a.adapter.fetch(&Target::to("x"))).await.is_ok());
    settle().await;
    socket.answer("[1]");
    b.home.answer("[1]");
    tokio::time::sleep(2 * SECOND).await;
    assert!(format!("{:?}", a.adapter).contains("requests: 0"), "{:?}", a.adapter);
}

async fn a_question_is_forgotten_when_its_time_is_up(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    let (socket, _) = b.socket("b", &[]);
    let (_, heard) = a.ask(&within_a_second());
    tokio::time::sleep(SECOND / 2).await;
    assert!(b.log.take().is_empty());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(b.log.take(), ["forget 100"]);
    assert_eq!(heard.numbers(), (0, 1, 1, 0));
    socket.answer("[1]");
    settle().await;
    assert_eq!(heard.numbers(), (0, 1, 1, 0), "an answer after the time is up is for nobody");
}

async fn requests_time_out(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    let heard = a.ask_programs();
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(heard.numbers(), (0, 1, 1, 0));
    b.home.answer("[1]");
    settle().await;
    assert_eq!(heard.numbers(), (0, 1, 1, 0), "an answer after the time is up is for nobody");
}

async fn no_time_is_too_short_or_too_long(bus: LocalBus) {
    let [a, b] = nodes(&bus).await;
    let (there, _) = b.socket("b", &[]);
    let mut to = Target::default();
    to.flags.timeout = Some(Duration::MAX);
    let (_, heard) = a.ask(&to);
    assert_eq!(a.fetched(&to).await, ["b"]);
    there.answer(r#"["b"]"#);
    settle().await;
    assert_eq!(heard.numbers(), (0, 1, 0, 1));
    for short in [Duration::ZERO, Duration::from_nanos(1)] {
        to.flags.timeout = Some(short);
        let start = tokio::time::Instant::now();
        let fetched = a.adapter.fetch(&to).await;
        // An answer that comes at once is in time.
        assert!(matches!(fetched, Ok(_) | Err(AdapterError::Timeout { missing: 1 })), "{fetched:?}");
        assert!(start.elapsed() < SECOND);
        let (_, heard) = a.ask(&to);
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(heard.counts().nodes, 0, "nobody is waited for");
    }
}

//! Messages that are wrong, foreign, too large or too many: ignored, without a panic, and without a trace.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use proptest::prelude::*;
use tower_socketio_adapter::{LocalBus, Message, MessageKind, RemoteSocket, Target};

use crate::direct::{direct, direct_to, incoming};
use crate::lines::Lines;
use crate::support::{Fate, Faulty, Node, SECOND, Stranger, request_of, settle};

#[tokio::test(start_paused = true)]
async fn malformed_messages_are_ignored_and_counted() {
    let bus = LocalBus::new();
    let node = Node::start(&bus).await;
    node.socket("s", &[]);
    let stranger = Stranger::new(&bus, "stranger").await;
    let long = format!(
        r#"{{"packet":{{"type":2,"data":[1]}},"requestId":"{}","opts":{{"rooms":[],"except":[]}}}}"#,
        "x".repeat(65)
    );
    let cases = [
        (MessageKind::Broadcast, ""),
        (MessageKind::Broadcast, "[]"),
        (MessageKind::Broadcast, r#"{"packet":{"type":2},"opts":{"rooms":[],"except":[]}}"#),
        (MessageKind::Broadcast, r#"{"packet":{"type":0,"data":["e"]},"opts":{"rooms":[],"except":[]}}"#),
        (MessageKind::Broadcast, r#"{"packet":{"type":2,"data":["e"]}}"#),
        (MessageKind::Broadcast, r#"{"packet":{"type":2,"data":["e"]},"opts":{"except":[]}}"#),
        (MessageKind::Broadcast, r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[]}}"#),
        (MessageKind::Broadcast, r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":"r","except":[]}}"#),
        (MessageKind::Broadcast, r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[null],"except":[]}}"#),
        (
            MessageKind::Broadcast,
            r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[],"flags":{"timeout":"1"}}}"#,
        ),
        (
            MessageKind::Broadcast,
            r#"{"packet":{"type":2,"data":["e"]},"requestId":5,"opts":{"rooms":[],"except":[]}}"#,
        ),
        (MessageKind::Broadcast, &long),
        (MessageKind::SocketsJoin, r#"{"opts":{"rooms":[],"except":[]}}"#),
        (MessageKind::SocketsLeave, r#"{"opts":{"rooms":[],"except":[]},"rooms":{}}"#),
        (MessageKind::SocketsJoin, r#"{"rooms":[]}"#),
        (MessageKind::DisconnectSockets, r#"{"close":true}"#),
        (MessageKind::DisconnectSockets, r#"{"opts":{},"close":true}"#),
        (MessageKind::DisconnectSockets, r#"{"opts":{"rooms":[],"except":[]},"close":1}"#),
        (MessageKind::FetchSockets, r#"{"opts":{"rooms":[],"except":[]}}"#),
        (MessageKind::FetchSocketsResponse, r#"{"requestId":"r","sockets":[{"id":1}]}"#),
        (MessageKind::ServerSideEmit, r#"{"requestId":"r"}"#),
        (MessageKind::ServerSideEmitResponse, r#"{"packet":1}"#),
        (MessageKind::BroadcastClientCount, r#"{"requestId":"r","clientCount":-1}"#),
        (MessageKind::BroadcastAck, r#"{"requestId":"r","packet":}"#),
    ];
    for (at, (kind, data)) in cases.iter().enumerate() {
        stranger.say(*kind, Bytes::copy_from_slice(data.as_bytes())).await;
        assert_eq!(node.cluster.ignored(), at as u64 + 1, "{data}");
    }
    assert!(node.log.take().is_empty());
    assert!(stranger.heard().iter().all(|message| !message.starts_with("11")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_message_is_taken_or_ignored(
        messages in prop::collection::vec((prop_oneof![1u8..=13, Just(100)], data(), prop::option::of("/|x"), "[a-z]{0,3}|x{70}"), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().start_paused(true).enable_time().build().unwrap();
        runtime.block_on(async {
            let (node, inbox) = direct_to(|cluster| cluster).await;
            node.socket("s", &["r".into()]);
            let (_, heard) = node.ask(&Target::default());
            for (number, data, namespace, id) in messages {
                let kind = MessageKind::from_number(number).unwrap();
                let message =
                    Message::new(kind, namespace.map(Arc::from), id.into(), data.into(), vec![Bytes::new()]);
                inbox.message(message.into());
            }
            settle().await;
            let _ = heard.numbers();
        });
    }
}

/// Data that is nearly right.
fn data() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("-1".to_owned()),
        Just("1e308".to_owned()),
        Just("[[[1]]]".to_owned()),
        Just("\"r\"".to_owned()),
        Just("{\"type\":2,\"data\":[\"e\"]}".to_owned()),
        Just("{\"rooms\":[\"r\"],\"except\":[],\"flags\":{\"timeout\":-5}}".to_owned()),
        Just("[{\"id\":\"a\",\"rooms\":[]}]".to_owned()),
        Just("{".repeat(300)),
        ".*",
    ];
    let key = prop_oneof![
        Just("packet"),
        Just("opts"),
        Just("rooms"),
        Just("requestId"),
        Just("sockets"),
        Just("clientCount"),
        Just("close"),
    ];
    prop::collection::vec((key, value), 0..5).prop_map(|fields| {
        let fields: Vec<_> = fields.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_namespace_is_that_of_its_channel_and_foreign_ones_are_passed_over() {
    let (node, inbox) = direct().await;
    node.socket("s", &[]);
    let data = r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[]}}"#;
    inbox.message(incoming(MessageKind::Broadcast, "n", data));
    assert_eq!(node.log.take(), [r#"s ["e"]"#]);
    let mut foreign = incoming(MessageKind::Broadcast, "m", data);
    foreign.message.namespace = Some("/other".into());
    inbox.message(foreign);
    assert!(node.log.take().is_empty());
    assert_eq!((node.adapter.server_count().await.unwrap(), node.cluster.ignored()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn oversized_messages_and_names_are_ignored() {
    let (node, inbox) = direct().await;
    node.socket("s", &[]);
    let data = |length: usize| {
        format!(
            r#"{{"packet":{{"type":2,"data":["{}"]}},"opts":{{"rooms":[],"except":[]}}}}"#,
            "x".repeat(length)
        )
    };
    inbox.message(incoming(MessageKind::Broadcast, "n", data(1000)));
    let mut attached = incoming(MessageKind::Broadcast, "n", data(10));
    attached.message.attachments = vec![Bytes::from(vec![0; 500]), Bytes::from(vec![0; 500])];
    inbox.message(attached);
    inbox.message(incoming(MessageKind::Broadcast, &"n".repeat(65), data(10)));
    assert_eq!((node.log.take().len(), node.cluster.ignored()), (0, 3));
    assert_eq!(node.adapter.server_count().await.unwrap(), 1);
    inbox.message(incoming(MessageKind::Broadcast, "n", data(10)));
    assert_eq!(node.log.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_nodes_are_waited_for() {
    let (node, inbox) = direct().await;
    for number in 0..3000 {
        inbox.message(incoming(MessageKind::Heartbeat, &number.to_string(), ""));
    }
    assert_eq!(node.adapter.server_count().await.unwrap(), 1 + 1024);
    let (_, heard) = node.ask(&Target::default());
    assert_eq!(heard.counts().nodes, 1024);
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!((node.adapter.server_count().await.unwrap(), heard.counts().nodes), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_before_it_is_counted_does_not_stand_for_another_one() {
    let bus = LocalBus::counted();
    let mut slow = Faulty::new(&bus, |_| Fate::Pass);
    slow.counting = SECOND;
    let node = Node::start(&slow).await;
    let stays = Stranger::new(&bus, "stays").await;
    let adapter = node.adapter.clone();
    let fetch = tokio::spawn(async move { adapter.fetch(&Target::default()).await });
    // It has left the bus, which counts it no more, and its leave comes behind the question.
    settle().await;
    let id = asked(&stays, MessageKind::FetchSockets);
    stays.say_as("gone", MessageKind::AdapterClose, "").await;
    tokio::time::sleep(SECOND).await;
    let found = format!(r#"{{"requestId":"{id}","sockets":[{{"id":"a","rooms":[],"data":{{}}}}]}}"#);
    stays.say(MessageKind::FetchSocketsResponse, found).await;
    let ids: Vec<_> =
        fetch.await.unwrap().unwrap().into_iter().map(|socket: RemoteSocket| socket.id).collect();
    assert_eq!(ids, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn numbers_that_nobody_can_mean_are_bounded() {
    let bus = LocalBus::new();
    let node = Node::start(&bus).await;
    let stranger = Stranger::new(&bus, "s").await;
    stranger.say(MessageKind::Heartbeat, "").await;
    let (_, heard) = node.ask(&Target::default());
    settle().await;
    let id = asked(&stranger, MessageKind::Broadcast);
    let count = format!(r#"{{"requestId":"{id}","clientCount":{}}}"#, u64::MAX);
    stranger.say(MessageKind::BroadcastClientCount, count).await;
    assert_eq!(heard.numbers(), (0, 1 << 21, 0, 0));
    for (timeout, forgotten) in [("1e300", false), ("-1", true), ("1e-300", true), ("0", true)] {
        let question = format!(
            r#"{{"packet":{{"type":2,"data":["q"]}},"requestId":"{timeout}","opts":{{"rooms":[],"except":[],"flags":{{"timeout":{timeout}}}}}}}"#
        );
        let (_, handle) = node.socket("s", &[]);
        stranger.say(MessageKind::Broadcast, question).await;
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(!node.log.take().is_empty(), forgotten, "{timeout}");
        node.adapter.remove(handle);
    }
}

/// The id of what the node has just asked.
fn asked(stranger: &Stranger, kind: MessageKind) -> String {
    let message = stranger.messages().into_iter().find(|message| message.kind == kind).expect("it has asked");
    request_of(&String::from_utf8_lossy(&message.data)).expect("the request has an id")
}

#[tokio::test(start_paused = true)]
async fn answers_for_somebody_else_twice_or_of_the_wrong_kind_are_ignored() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let node = Node::start(&bus).await;
        let stranger = Stranger::new(&bus, "s").await;
        let other = Stranger::new(&bus, "o").await;
        for stranger in [&stranger, &other] {
            stranger.say(MessageKind::Heartbeat, "").await;
        }
        let (_, heard) = node.ask(&Target::default());
        settle().await;
        let id = asked(&stranger, MessageKind::Broadcast);
        let with = |id: &str, rest: &str| format!(r#"{{"requestId":"{id}",{rest}}}"#);
        let say = |kind: MessageKind, id: &str, rest: &str| {
            let data = with(id, rest);
            let stranger = &stranger;
            async move { stranger.say(kind, data).await }
        };
        say(MessageKind::BroadcastClientCount, "0123456789abcdef", r#""clientCount":1"#).await;
        say(MessageKind::ServerSideEmitResponse, &id, r#""packet":1"#).await;
        say(MessageKind::FetchSocketsResponse, &id, r#""sockets":[]"#).await;
        assert_eq!(heard.numbers(), (2, 0, 0, 0));
        say(MessageKind::BroadcastClientCount, &id, r#""clientCount":2"#).await;
        say(MessageKind::BroadcastClientCount, &id, r#""clientCount":7"#).await;
        for _ in 0..5 {
            say(MessageKind::BroadcastAck, &id, r#""packet":1"#).await;
        }
        assert_eq!(heard.numbers(), (1, 2, 0, 2));

        let programs = node.ask_programs();
        settle().await;
        let id = asked(&stranger, MessageKind::ServerSideEmit);
        for _ in 0..3 {
            say(MessageKind::ServerSideEmitResponse, &id, r#""packet":1"#).await;
            say(MessageKind::BroadcastAck, &id, r#""packet":1"#).await;
            say(MessageKind::BroadcastClientCount, &id, r#""clientCount":1"#).await;
        }
        assert_eq!(programs.numbers(), (0, 2, 0, 1));

        let adapter = node.adapter.clone();
        let fetch = tokio::spawn(async move { adapter.fetch(&Target::default()).await });
        settle().await;
        let id = asked(&stranger, MessageKind::FetchSockets);
        let found =
            |name: &str| with(&id, &format!(r#""sockets":[{{"id":"{name}","rooms":[],"data":{{}}}}]"#));
        stranger.say(MessageKind::FetchSocketsResponse, found("a")).await;
        stranger.say(MessageKind::FetchSocketsResponse, found("b")).await;
        other.say_as("emitter", MessageKind::FetchSocketsResponse, found("c")).await;
        other.say(MessageKind::FetchSocketsResponse, found("d")).await;
        let ids: Vec<_> =
            fetch.await.unwrap().unwrap().into_iter().map(|socket: RemoteSocket| socket.id).collect();
        assert_eq!(ids, ["a", "d"]);
        assert_eq!(node.cluster.ignored(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_the_count_is_heard() {
    for bus in [LocalBus::new(), LocalBus::counted()] {
        let node = Node::start(&bus).await;
        let stranger = Stranger::new(&bus, "s").await;
        stranger.say(MessageKind::Heartbeat, "").await;
        let (_, heard) = node.ask(&Target::default());
        settle().await;
        let id = asked(&stranger, MessageKind::Broadcast);
        let ack = format!(r#"{{"requestId":"{id}","packet":1}}"#);
        stranger.say(MessageKind::BroadcastAck, ack).await;
        assert_eq!(heard.numbers(), (1, 1, 0, 1));
        let count = format!(r#"{{"requestId":"{id}","clientCount":2}}"#);
        stranger.say(MessageKind::BroadcastClientCount, count).await;
        assert_eq!(heard.numbers(), (0, 2, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_brings_messages_twice_asks_nobody_twice() {
    let bus = LocalBus::new();
    let double = Faulty::new(&bus, |message| match message.kind {
        MessageKind::Broadcast | MessageKind::ServerSideEmit => Fate::Twice,
        _ => Fate::Pass,
    });
    let a = Node::start(&double).await;
    let b = Node::start(&double).await;
    let (socket, _) = b.socket("b", &[]);
    let (_, heard) = a.ask(&Target::default());
    let programs = a.ask_programs();
    settle().await;
    socket.answer("[1]");
    b.home.answer("[1]");
    settle().await;
    assert_eq!((heard.numbers(), programs.numbers()), ((0, 1, 0, 1), (0, 1, 0, 1)));
    assert_eq!(b.log.take(), [r#"event ["who"] true"#, "forget 100"]);
    assert_eq!(b.cluster.ignored(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_node_with_the_same_id_is_noticed() {
    let (lines, _guard) = Lines::listen();
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "s").await;
    let node = Node::start(&bus).await;
    node.emit("[1]", &Target::default());
    settle().await;
    let id = stranger.messages()[0].node.clone();
    let logged = || lines.count("ERROR");
    assert_eq!(logged(), 0, "its own messages come back to it");
    for _ in 0..3 {
        stranger.say_as(&id, MessageKind::Heartbeat, "").await;
    }
    assert_eq!(logged(), 1);
    assert_eq!(node.adapter.server_count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_leads_to_a_panic_is_the_last_of_nothing() {
    let bus = LocalBus::new();
    let (one, two) = (Node::start(&bus).await, Node::start(&bus).await);
    two.socket("s", &[]);
    two.home.panics.store(true, Ordering::Relaxed);
    for text in ["[1]", "[2]"] {
        one.emit(text, &Target::default());
    }
    settle().await;
    assert_eq!(two.log.take(), ["s [2]"]);
}

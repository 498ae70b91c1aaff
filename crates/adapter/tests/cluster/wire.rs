//! What goes over the bus is what Node's `ClusterAdapter` sends, and what it sends is understood.

use bytes::Bytes;
use tower_socketio_adapter::{Action, Cluster, LocalBus, MessageKind, Reach, Room, Target};

use crate::support::{Node, SECOND, Stranger, request_of, settle};

async fn pair() -> (Node, Stranger) {
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "851ade3af362b5b2").await;
    let node = Node::start(&bus).await;
    stranger.say(MessageKind::Heartbeat, "").await;
    assert_eq!(stranger.heard(), ["1 "]);
    (node, stranger)
}

#[tokio::test(start_paused = true)]
async fn a_node_has_eight_random_bytes_for_a_name() {
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "n").await;
    let _nodes = [Node::start(&bus).await, Node::start(&bus).await];
    let messages = stranger.messages();
    assert_ne!(messages[0].node, messages[1].node);
    for message in messages {
        assert_eq!(message.namespace.as_deref(), Some("/"));
        assert!(message.node.len() == 16 && message.node.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_need_no_answer_are_nodes() {
    let (node, stranger) = pair().await;
    let mut to = Target::to(["room1", "ä\""]).except(Room::user("42"));
    node.emit(r#"["foo",1]"#, &to);
    to.flags.volatile = true;
    to.flags.compress = false;
    to.flags.timeout = Some(SECOND);
    to.flags.reach = Reach::Elsewhere;
    node.emit(r#"["foo",1]"#, &to);
    node.adapter.act(Action::Join(vec!["x".into(), Room::user("1")]), &Target::to("room1"));
    node.adapter.act(Action::Leave(vec!["x".into()]), &Target::default());
    node.adapter.act(Action::Disconnect { close: true }, &Target::default());
    node.adapter.act(Action::Disconnect { close: false }, &Target::default());
    node.adapter.server_side_emit(Bytes::from_static(br#"["hello",1]"#), Vec::new(), None);
    node.adapter.close().await;
    settle().await;
    let packet = r#""packet":{"type":2,"data":["foo",1]}"#;
    let expected = [
        format!(r#"3 {{{packet},"opts":{{"rooms":["room1","ä\""],"except":["$user:42"],"flags":{{}}}}}}"#),
        format!(
            r#"3 {{{packet},"opts":{{"rooms":["room1","ä\""],"except":["$user:42"],"flags":{{"volatile":true,"compress":false,"timeout":1000}}}}}}"#
        ),
        r#"4 {"opts":{"rooms":["room1"],"except":[],"flags":{}},"rooms":["x","$user:1"]}"#.into(),
        r#"5 {"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["x"]}"#.into(),
        r#"6 {"opts":{"rooms":[],"except":[],"flags":{}},"close":true}"#.into(),
        r#"6 {"opts":{"rooms":[],"except":[],"flags":{}},"close":false}"#.into(),
        r#"9 {"packet":["hello",1]}"#.into(),
        "13 ".into(),
    ];
    assert_eq!(stranger.heard(), expected);
}

/// The lines were taken from servers on Node's adapters for sharded Redis and Redis streams.
#[tokio::test(start_paused = true)]
async fn what_was_recorded_from_node_is_written_the_same() {
    let (node, stranger) = pair().await;
    node.emit(r#"["foo",1]"#, &Target::default());
    node.emit(r#"["foo","bar"]"#, &Target::to("room1"));
    let _ = node.adapter.fetch(&Target::to("room1")).await;
    let uid = "41e7c4b94158eb66";
    let written: Vec<_> = stranger
        .messages()
        .into_iter()
        .filter(|message| &*message.node != "851ade3af362b5b2")
        .map(|mut message| {
            message.node = uid.into();
            let json = String::from_utf8(message.to_json()).unwrap();
            match request_of(&json) {
                Some(id) => json.replace(&id, "851ade3af362b5b2"),
                None => json,
            }
        })
        .collect();
    let expected = [
        r#"{"type":3,"data":{"packet":{"type":2,"data":["foo",1]},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"41e7c4b94158eb66","nsp":"/"}"#,
        r#"{"type":3,"data":{"packet":{"type":2,"data":["foo","bar"]},"opts":{"rooms":["room1"],"except":[],"flags":{}}},"uid":"41e7c4b94158eb66","nsp":"/"}"#,
        r#"{"type":7,"data":{"opts":{"rooms":["room1"],"except":[],"flags":{}},"requestId":"851ade3af362b5b2"},"uid":"41e7c4b94158eb66","nsp":"/"}"#,
    ];
    assert_eq!(written[..3], expected);
}

#[tokio::test(start_paused = true)]
async fn requests_are_nodes_and_take_its_answers() {
    let (node, stranger) = pair().await;
    let mut to = Target::default();
    to.flags.timeout = Some(5 * SECOND);
    let (_, heard) = node.ask(&to);
    let programs = node.ask_programs();
    let adapter = node.adapter.clone();
    let fetch = tokio::spawn(async move { adapter.fetch(&Target::to("r")).await });
    settle().await;
    let requests = stranger.messages();
    let request = |kind: MessageKind| {
        let message = requests.iter().find(|message| message.kind == kind).expect("it was asked");
        let data = String::from_utf8(message.data.to_vec()).unwrap();
        let id = request_of(&data).expect("it has an id");
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        (data.replace(&id, "ID"), id)
    };
    let (data, id) = request(MessageKind::Broadcast);
    let expected = r#"{"packet":{"type":2,"data":["q"]},"requestId":"ID","opts":{"rooms":[],"except":[],"flags":{"timeout":5000}}}"#;
    assert_eq!(data, expected);
    let count = format!(r#"{{"requestId":"{id}","clientCount":1}}"#);
    stranger.say(MessageKind::BroadcastClientCount, count).await;
    let ack = format!(r#"{{"requestId":"{id}","packet":{{"a":1}}}}"#);
    stranger.say(MessageKind::BroadcastAck, ack).await;
    assert_eq!((heard.numbers(), &*heard.counts().answers[0]), ((0, 1, 0, 1), r#"[{"a":1}]"#));

    let (data, id) = request(MessageKind::ServerSideEmit);
    assert_eq!(data, r#"{"requestId":"ID","packet":["who"]}"#);
    let answer = format!(r#"{{"requestId":"{id}"}}"#);
    stranger.say(MessageKind::ServerSideEmitResponse, answer).await;
    assert_eq!(programs.counts().answers, ["[]"]);

    let (data, id) = request(MessageKind::FetchSockets);
    assert_eq!(data, r#"{"opts":{"rooms":["r"],"except":[],"flags":{}},"requestId":"ID"}"#);
    let sockets = r#"[{"id":"s","handshake":{"auth":{}},"rooms":["s","$user:42",7]}]"#;
    let found = format!(r#"{{"requestId":"{id}","sockets":{sockets}}}"#);
    stranger.say(MessageKind::FetchSocketsResponse, found).await;
    let sockets = fetch.await.unwrap().unwrap();
    assert_eq!((sockets.len(), &*sockets[0].id), (1, "s"));
    assert_eq!(sockets[0].rooms, ["s".into(), Room::user("42"), "7".into()]);
    assert_eq!((&*sockets[0].handshake, &*sockets[0].data), (&br#"{"auth":{}}"#[..], &b"null"[..]));
}

#[tokio::test(start_paused = true)]
async fn answers_are_nodes() {
    let (node, stranger) = pair().await;
    let (socket, _) = node.socket("s", &["r".into(), Room::user("42")]);
    let opts = r#""opts":{"rooms":["r"],"except":[],"flags":{"timeout":5000}}"#;
    let question = format!(r#"{{"packet":{{"type":2,"data":["q"]}},"requestId":"one",{opts}}}"#);
    stranger.say(MessageKind::Broadcast, question).await;
    socket.answer("[ [1, 2] ,3]");
    settle().await;
    let expected = [r#"11 {"requestId":"ID","clientCount":1}"#, r#"12 {"requestId":"ID","packet":[1, 2]}"#];
    assert_eq!(stranger.heard(), expected);

    stranger.say(MessageKind::FetchSockets, format!(r#"{{{opts},"requestId":"two"}}"#)).await;
    let expected = r#"8 {"requestId":"ID","sockets":[{"id":"s","handshake":{"secure":false},"rooms":["s","r","$user:42"],"data":{"n":[1]}}]}"#;
    assert_eq!(stranger.heard(), [expected]);

    for (answer, expected) in [("[1]", r#","packet":1"#), ("[null]", r#","packet":null"#), ("[]", "")] {
        let event = format!(r#"{{"packet":["who"],"requestId":"{answer}"}}"#);
        stranger.say(MessageKind::ServerSideEmit, event).await;
        node.home.answer(answer);
        settle().await;
        assert_eq!(stranger.heard(), [format!(r#"10 {{"requestId":"ID"{expected}}}"#)]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_write_differently_means_the_same() {
    let (node, stranger) = pair().await;
    node.socket("s", &["7".into()]);
    for data in [
        r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[]}}"#,
        r#"{"opts":{"except":[],"rooms":["s"]},"packet":{"type":5,"data":["e"],"nsp":"/","options":{}}}"#,
        r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":["7"],"except":[]},"requestId":null}"#,
        r#"{"packet":{"data":["e"],"type":2},"opts":{"rooms":[7],"except":[],"flags":{"broadcast":true,"compress":null}}}"#,
        r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[-7],"flags":null}}"#,
    ] {
        stranger.say(MessageKind::Broadcast, data).await;
        assert_eq!(node.log.take(), [r#"s ["e"]"#], "{data}");
    }
    stranger.say(MessageKind::DisconnectSockets, r#"{"opts":{"rooms":[],"except":[]}}"#).await;
    assert_eq!(node.log.take(), ["s disconnect false"]);
    assert_eq!(node.cluster.ignored(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_broadcasts_wait_for_their_places_each_has_a_number_at_its_end() {
    let bus = LocalBus::journaled();
    let stranger = Stranger::new(&bus, "851ade3af362b5b2").await;
    let node = Node::with(Cluster::new(bus), "/", true);
    settle().await;
    let _ = stranger.heard();
    for _ in 0..2 {
        node.emit(r#"["foo",",\"number\":9}"]"#, &Target::to("room1"));
    }
    settle().await;
    let packet = r#""packet":{"type":2,"data":["foo",",\"number\":9}"]}"#;
    let opts = r#""opts":{"rooms":["room1"],"except":[],"flags":{}}"#;
    assert_eq!(stranger.heard(), [0, 1].map(|number| format!(r#"3 {{{packet},{opts},"number":{number}}}"#)));
}

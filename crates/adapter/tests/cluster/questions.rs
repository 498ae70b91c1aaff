//! Questions of which there are many.

use tower_socketio_adapter::{LocalBus, MessageKind, Target};

use crate::direct::{direct, incoming};
use crate::support::{Node, SECOND, Stranger, settle};

#[tokio::test(start_paused = true)]
async fn only_so_many_questions_are_taken() {
    let (node, inbox) = direct().await;
    node.socket("s", &[]);
    for number in 0..10_100 {
        let data = format!(
            r#"{{"packet":{{"type":2,"data":["q"]}},"requestId":"{number}","opts":{{"rooms":[],"except":[],"flags":{{"timeout":1e12}}}}}}"#
        );
        inbox.message(incoming(MessageKind::Broadcast, "n", data));
    }
    assert_eq!(node.cluster.ignored(), 100);
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!(node.log.take().len(), 10_000, "all are forgotten when their asker is");
}

#[tokio::test(start_paused = true)]
async fn who_asks_too_much_is_not_told_that_nobody_is_there() {
    let bus = LocalBus::new();
    let node = Node::start(&bus).await;
    node.socket("s", &[]);
    let stranger = Stranger::new(&bus, "n").await;
    let ask = async |number: usize| {
        let data = format!(
            r#"{{"packet":{{"type":2,"data":["q"]}},"requestId":"{number}","opts":{{"rooms":[],"except":[],"flags":{{"timeout":1e12}}}}}}"#
        );
        stranger.say(MessageKind::Broadcast, data).await;
    };
    let counts = || {
        let messages = stranger.messages().into_iter();
        messages.filter(|message| message.kind == MessageKind::BroadcastClientCount).count()
    };
    for number in 0..10_000 {
        ask(number).await;
    }
    assert_eq!(counts(), 10_000);
    ask(10_000).await;
    assert_eq!(counts(), 0);
}

#[tokio::test(start_paused = true)]
async fn questions_that_everybody_has_answered_leave_room_for_others() {
    let (node, inbox) = direct().await;
    let (socket, _) = node.socket("s", &[]);
    for round in 0..2 {
        for number in 0..9_000 {
            let data = format!(
                r#"{{"packet":{{"type":2,"data":["q"]}},"requestId":"{round}-{number}","opts":{{"rooms":[],"except":[],"flags":{{"timeout":1e7}}}}}}"#
            );
            inbox.message(incoming(MessageKind::Broadcast, "n", data));
            socket.answer("[1]");
        }
        tokio::time::sleep(7 * SECOND).await;
    }
    assert_eq!(node.cluster.ignored(), 0);
}

#[tokio::test(start_paused = true)]
async fn questions_that_are_answered_are_taken_however_many_there_are() {
    let bus = LocalBus::new();
    let (one, two) = (Node::start(&bus).await, Node::start(&bus).await);
    for round in 0..2 {
        let heard: Vec<_> = (0..6_000).map(|_| (one.ask(&Target::default()).1, one.ask_programs())).collect();
        settle().await;
        while !two.home.waiting.lock().unwrap().is_empty() {
            two.home.answer("[1]");
        }
        settle().await;
        let all = heard.iter().all(|(sockets, programs)| {
            sockets.numbers() == (0, 0, 0, 0) && programs.numbers() == (0, 1, 0, 1)
        });
        assert!(all, "in round {round}");
    }
}

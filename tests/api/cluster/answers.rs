//! Questions to the clients of all nodes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tower_socketio::adapter::{Cluster, LocalBus};
use tower_socketio::{Ack, AckError, Namespace, SocketIo, TestClient};

use super::support::{Cable, node, nodes};
use crate::support::{Test, idle, join};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn of_a_hundred_clients_on_four_nodes_ninety_seven_answer_and_three_are_missing() -> Test {
    let nodes = nodes::<4>(|_| Namespace::new()).await;
    let mut clients = Vec::new();
    for number in 0..100 {
        clients.push(join(&nodes[number % 4]).await);
    }
    let start = tokio::time::Instant::now();
    let mut answers = nodes[0].of("/").timeout(SECOND).emit_with_ack::<usize>("vote", "now");
    for (number, client) in clients.iter_mut().enumerate().skip(3) {
        assert_eq!(client.answer::<String>("vote", number).await?, "now");
    }
    let mut votes = Vec::new();
    let missing = loop {
        match answers.next().await.expect("the last item says how many are missing") {
            Ok(vote) => votes.push(vote),
            Err(AckError::Timeout { missing }) => break missing,
            Err(error) => panic!("{error}"),
        }
    };
    votes.sort_unstable();
    assert_eq!(votes, (3..100).collect::<Vec<_>>());
    assert_eq!((missing, start.elapsed()), (3, SECOND));
    assert!(answers.next().await.is_none());
    drop(answers);
    // Too late, and of no harm to the next question.
    tokio::time::sleep(2 * SECOND).await;
    clients[1].answer::<String>("vote", 1).await?;
    let mut answers = nodes[0].to(clients[1].id()).timeout(SECOND).emit_with_ack::<usize>("again", ());
    clients[1].answer::<()>("again", 7).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 7);
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_those_who_have_not_answered_have_left_on_whichever_node() -> Test {
    let [one, two, three] = nodes(|_| Namespace::new()).await;
    let mut clients = [join(&one).await, join(&two).await, join(&two).await, join(&three).await];
    let start = tokio::time::Instant::now();
    let mut answers = one.emit_with_ack::<u32>("q", ());
    clients[1].answer::<()>("q", 1).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    clients[0].lose_connection();
    clients[2].disconnect();
    three.socket(clients[3].id()).expect("it is here").disconnect();
    let last = answers.next().await;
    assert!(matches!(last, Some(Err(AckError::Timeout { missing: 3 }))), "{last:?}");
    assert!(answers.next().await.is_none() && start.elapsed() < SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_clients_of_all_nodes_have_answered() -> Test {
    let [one, two, three] = nodes(|_| Namespace::new()).await;
    let mut clients = [join(&one).await, join(&two).await, join(&three).await, join(&three).await];
    let start = tokio::time::Instant::now();
    let answers = one.emit_with_ack::<u32>("q", ());
    for client in &mut clients {
        client.answer::<()>("q", 1).await?;
    }
    let all: Vec<_> = answers.map(|answer| answer.expect("an answer")).collect().await;
    assert_eq!(all, [1; 4]);
    assert!(start.elapsed() < SECOND);
    // Nobody is anywhere, which other nodes have to say.
    assert!(one.to("nobody").emit_with_ack::<u32>("q", ()).next().await.is_none());
    assert!(start.elapsed() < SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_an_answer_on_another_node_the_first_value_comes_with_its_attachments() -> Test {
    let [one, two] = nodes(|_| Namespace::new()).await;
    let mut there = join(&two).await;
    let mut answers = one.emit_with_ack::<Bytes>("q", Bytes::from_static(b"?"));
    let bytes = Bytes::from_static(&[1, 2]);
    assert_eq!(there.answer::<Bytes>("q", (bytes.clone(), 5)).await?, Bytes::from_static(b"?"));
    assert_eq!(answers.next().await.expect("an answer")?, bytes);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn questions_can_be_for_clients_on_other_nodes_alone() -> Test {
    let [one, two] = nodes(|_| Namespace::new()).await;
    let (_here, mut there) = (join(&one).await, join(&two).await);
    let answers = one.of("/").elsewhere().emit_with_ack::<u32>("q", ());
    there.answer::<()>("q", 5).await?;
    let all: Vec<_> = answers.map(|answer| answer.expect("an answer")).collect().await;
    assert_eq!(all, [5]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pattern_asks_the_clients_of_its_namespaces_on_all_nodes() -> Test {
    let cable = Cable::new(&LocalBus::new()).slow("/chat/b");
    let build = || {
        let builder = SocketIo::builder().adapter(Cluster::new(cable.clone()));
        builder.namespace("/chat/{room}", Namespace::new()).build()
    };
    let (one, two) = (build()?, build()?);
    let mut clients = Vec::new();
    for namespace in ["/chat/a", "/chat/b", "/chat/c"] {
        for io in [&one, &two] {
            clients.push(TestClient::new(io).connect(namespace).await?);
        }
    }
    tokio::time::sleep(SECOND).await;
    let start = tokio::time::Instant::now();
    let answers = one.of("/chat/{room}").emit_with_ack::<u32>("q", ());
    let all = tokio::spawn(answers.map(|answer| answer.expect("an answer")).collect::<Vec<_>>());
    for client in &mut clients {
        client.answer::<()>("q", 1).await?;
    }
    assert_eq!(all.await?, [1; 6]);
    assert!(start.elapsed() < SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn clients_of_a_namespace_that_is_on_another_node_alone_are_asked_and_fetched() -> Test {
    let bus = LocalBus::new();
    let build = || {
        let builder = SocketIo::builder().adapter(Cluster::new(bus.clone()));
        builder.namespace("/chat/{room}", Namespace::new().on_server("q", async || Ack(2))).build()
    };
    let (one, two) = (build()?, build()?);
    let mut there = TestClient::new(&two).connect("/chat/a").await?;
    let mut answers = one.of("/chat/a").emit_with_ack::<u32>("q", ());
    there.answer::<()>("q", 1).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    assert!(answers.next().await.is_none());
    let mut answers = one.of("/chat/a").server_side_emit_with_ack::<u32>("q", ());
    assert_eq!(answers.next().await.expect("an answer")?, 2);
    assert!(answers.next().await.is_none());
    let fetched = one.of("/chat/a").fetch_sockets().await?;
    assert_eq!(fetched.iter().map(|socket| &*socket.id).collect::<Vec<_>>(), [there.id()]);
    assert_eq!(one.of("/chat/a").server_count().await?, 2);
    // The namespace was there for as long as it was asked.
    idle().await;
    assert_eq!(two.of("/chat/a").server_count().await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_is_not_waited_for() -> Test {
    let bus = LocalBus::new();
    let cable = Cable::new(&bus);
    let one = node(&Cluster::new(bus.clone()), Namespace::new());
    let two = node(&Cluster::new(cable.clone()), Namespace::new());
    idle().await;
    let (mut here, _there) = (join(&one).await, join(&two).await);
    let mut counted = one.of("/").timeout(60 * SECOND).emit_with_ack::<u32>("q", ());
    here.answer::<()>("q", 1).await?;
    idle().await;
    cable.cut();
    let mut silent = one.of("/").timeout(60 * SECOND).emit_with_ack::<u32>("p", ());
    here.answer::<()>("p", 2).await?;
    let start = tokio::time::Instant::now();
    assert_eq!(counted.next().await.expect("an answer")?, 1);
    let last = counted.next().await;
    assert!(matches!(last, Some(Err(AckError::Timeout { missing: 1 }))), "{last:?}");
    assert!(counted.next().await.is_none());
    assert_eq!(silent.next().await.expect("an answer")?, 2);
    assert!(silent.next().await.is_none(), "it did not say that it asked somebody");
    assert!(start.elapsed() < 15 * SECOND, "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn dropping_the_answers_forgets_the_question_on_all_nodes() -> Test {
    let [one, two] = nodes(|_| Namespace::new()).await;
    let mut there = join(&two).await;
    drop(one.of("/").timeout(SECOND).emit_with_ack::<u32>("q", ()));
    there.answer::<()>("q", 1).await?;
    let mut answers = one.emit_with_ack::<u32>("again", ());
    there.answer::<()>("again", 2).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 2);
    assert!(answers.next().await.is_none());
    Ok(())
}

//! Questions to many clients.

use std::time::Duration;

use futures_util::StreamExt;
use tower_socketio::{AckError, EmitError, Namespace, Socket, SocketIo, TestClient};

use crate::support::{Raw, Test, idle, join, serve};

const SECOND: Duration = Duration::from_secs(1);

async fn crowd(io: &SocketIo, number: usize) -> Vec<TestClient> {
    let mut clients = Vec::new();
    for _ in 0..number {
        clients.push(join(io).await);
    }
    clients
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_clients_ninety_seven_answer_and_three_are_missing() -> Test {
    let io = serve(Namespace::new());
    let mut clients = crowd(&io, 100).await;
    let start = tokio::time::Instant::now();
    let mut answers = io.of("/").timeout(SECOND).emit_with_ack::<usize>("vote", "now");
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
    // Too late for the question, and of no harm to the next one.
    clients[0].answer::<String>("vote", 0).await?;
    let mut answers = io.to(clients[0].id()).timeout(SECOND).emit_with_ack::<usize>("again", ());
    clients[0].answer::<()>("again", 1).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_once_when_everybody_has_answered() -> Test {
    let io = serve(Namespace::new());
    let mut clients = crowd(&io, 3).await;
    let start = tokio::time::Instant::now();
    let answers = io.emit_with_ack::<u32>("q", ());
    for client in &mut clients {
        client.answer::<()>("q", 1).await?;
    }
    let all: Vec<_> = answers.map(|answer| answer.expect("an answer")).collect().await;
    assert_eq!(all, [1, 1, 1]);
    assert!(start.elapsed() < SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn those_who_leave_end_it_early_and_count_as_missing() -> Test {
    let io = serve(Namespace::new());
    let mut clients = crowd(&io, 3).await;
    let start = tokio::time::Instant::now();
    let mut answers = io.emit_with_ack::<u32>("q", ());
    clients[0].answer::<()>("q", 1).await?;
    clients.truncate(1);
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    let last = answers.next().await;
    assert!(matches!(last, Some(Err(AckError::Timeout { missing: 2 }))), "{last:?}");
    assert!(answers.next().await.is_none());
    assert!(start.elapsed() < SECOND, "nobody is left to wait for");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_to_nobody_ends_at_once() -> Test {
    let io = serve(Namespace::new());
    assert!(io.emit_with_ack::<u32>("q", ()).next().await.is_none());
    assert!(io.of("/unknown").emit_with_ack::<u32>("q", ()).next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_client_answers_once_and_only_for_itself() -> Test {
    let io = serve(Namespace::new().on_connect(async |socket: Socket| socket.join("room")));
    let mut asked = Raw::open(&io).await;
    let id = asked.enter("/").await;
    let mut other = Raw::open(&io).await;
    other.enter("/").await;
    let mut answers = io.to("room").except(id.as_str()).timeout(SECOND).emit_with_ack::<u32>("q", ());
    let question = other.next().await;
    let number =
        question.strip_prefix("42").and_then(|rest| rest.strip_suffix(r#"["q"]"#)).expect("the question");
    asked.send(&format!("43{number}[666]")).await;
    idle().await;
    other.send(&format!("43{number}[1]")).await;
    other.send(&format!("43{number}[2]")).await;
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_type_is_an_error_and_the_others_go_on() -> Test {
    let io = serve(Namespace::new());
    let mut clients = crowd(&io, 2).await;
    let mut answers = io.emit_with_ack::<u32>("q", ());
    clients[0].answer::<()>("q", "text").await?;
    clients[1].answer::<()>("q", 7).await?;
    let first = answers.next().await;
    assert!(matches!(first, Some(Err(AckError::Answer(_)))), "{first:?}");
    assert_eq!(answers.next().await.expect("an answer")?, 7);
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn dropping_the_answers_forgets_the_question() -> Test {
    let io = serve(Namespace::new());
    let mut clients = crowd(&io, 2).await;
    drop(io.emit_with_ack::<u32>("q", ()));
    for client in &mut clients {
        client.answer::<()>("q", 1).await?;
    }
    let mut answers = io.emit_with_ack::<u32>("again", ());
    for client in &mut clients {
        client.answer::<()>("again", 2).await?;
    }
    assert_eq!(answers.next().await.expect("an answer")?, 2);
    assert_eq!(answers.next().await.expect("an answer")?, 2);
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_question_that_cannot_be_sent_is_the_only_item() -> Test {
    let io = serve(Namespace::new());
    let _clients = crowd(&io, 2).await;
    let mut answers = io.emit_with_ack::<u32>("disconnect", ());
    let item = answers.next().await;
    assert!(matches!(item, Some(Err(AckError::Emit(EmitError::Encode(_))))), "{item:?}");
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pattern_asks_the_sockets_of_all_its_children() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", Namespace::new()).build()?;
    let mut one = TestClient::new(&io).connect("/chat/a").await?;
    let mut two = TestClient::new(&io).connect("/chat/b").await?;
    let mut answers = io.of("/chat/{room}").timeout(SECOND).emit_with_ack::<u32>("q", ());
    one.answer::<()>("q", 1).await?;
    two.answer::<()>("q", 1).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    assert!(answers.next().await.is_none());
    Ok(())
}

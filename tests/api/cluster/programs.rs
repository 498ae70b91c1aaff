//! Events between the programs of several nodes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tower_socketio::adapter::{Cluster, LocalBus};
use tower_socketio::{Ack, AckError, Data, Namespace};

use super::support::{Cable, node, nodes};
use crate::support::{Log, Test, idle};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_programs_of_the_other_nodes_handle_an_event_and_this_one_does_not() -> Test {
    let log = Log::new();
    let nodes = nodes::<3>(|at| {
        let log = log.clone();
        Namespace::new().on_server("reload", move |Data((what, file)): Data<(String, Bytes)>| {
            log.push(format!("{at} {what} {file:?}"));
            std::future::ready(())
        })
    })
    .await;
    nodes[1].of("/").server_side_emit("reload", ("prices", Bytes::from_static(b"x")))?;
    let mut handled = log.reach(2).await;
    handled.sort();
    assert_eq!(handled, [r#"0 prices b"x""#, r#"2 prices b"x""#]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_other_node_answers_once() -> Test {
    let nodes = nodes::<4>(|at| {
        Namespace::new().on_server("add", async move |Data(n): Data<usize>| Ack((n + at, "second")))
    })
    .await;
    assert_eq!(nodes[0].of("/").server_count().await?, 4);
    let start = tokio::time::Instant::now();
    let answers = nodes[0].of("/").server_side_emit_with_ack::<usize>("add", 10);
    let mut all: Vec<_> = answers.map(|answer| answer.expect("an answer")).collect().await;
    all.sort_unstable();
    assert_eq!(all, [11, 12, 13]);
    assert!(start.elapsed() < SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_in_time_is_missing() -> Test {
    let [one, _two, _three] = nodes(|at| {
        let namespace = Namespace::new();
        if at == 1 { namespace.on_server("q", async || Ack(1)) } else { namespace.on_server("q", never) }
    })
    .await;
    let start = tokio::time::Instant::now();
    let mut answers = one.of("/").timeout(SECOND).server_side_emit_with_ack::<u32>("q", ());
    assert_eq!(answers.next().await.expect("an answer")?, 1);
    let last = answers.next().await;
    assert!(matches!(last, Some(Err(AckError::Timeout { missing: 1 }))), "{last:?}");
    assert!(answers.next().await.is_none());
    assert_eq!(start.elapsed(), SECOND);
    Ok(())
}

async fn never() -> Ack<u32> {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_has_no_answers_to_wait_for() -> Test {
    let [one] = nodes(|_| Namespace::new()).await;
    let start = tokio::time::Instant::now();
    assert!(one.of("/").server_side_emit_with_ack::<u32>("q", ()).next().await.is_none());
    assert!(start.elapsed() < SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_gives_no_answer_and_is_not_waited_for() -> Test {
    let bus = LocalBus::new();
    let cable = Cable::new(&bus);
    let one = node(&Cluster::new(bus.clone()), Namespace::new());
    let two = node(&Cluster::new(cable.clone()), Namespace::new().on_server("q", async || Ack(2)));
    let three = node(&Cluster::new(bus.clone()), Namespace::new().on_server("q", async || Ack(3)));
    idle().await;
    cable.cut();
    let start = tokio::time::Instant::now();
    let mut answers = one.of("/").timeout(60 * SECOND).server_side_emit_with_ack::<u32>("q", ());
    assert_eq!(answers.next().await.expect("an answer")?, 3);
    let last = answers.next().await;
    assert!(matches!(last, Some(Err(AckError::Timeout { missing: 1 }))), "{last:?}");
    assert!(start.elapsed() < 15 * SECOND, "{:?}", start.elapsed());
    assert_eq!(one.of("/").server_count().await?, 2);
    drop((two, three));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_closes_takes_its_leave() -> Test {
    let [one, two, three] = nodes(|_| Namespace::new().on_server("q", async || Ack(1))).await;
    two.close().await;
    idle().await;
    assert_eq!(one.of("/").server_count().await?, 2);
    let answers = one.of("/").server_side_emit_with_ack::<u32>("q", ());
    assert_eq!(answers.count().await, 1);
    drop(three);
    idle().await;
    assert_eq!(one.of("/").server_count().await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_or_that_nobody_handles_is_answered_with_an_error() -> Test {
    let [one, _two] = nodes(|_| Namespace::new().on_server("q", async |Data(n): Data<u32>| Ack(n))).await;
    for event in ["q", "unknown"] {
        let mut answers =
            one.of("/").timeout(SECOND).server_side_emit_with_ack::<serde_json::Value>(event, "no number");
        let answer = answers.next().await.expect("an answer")?;
        assert!(answer["error"]["message"].is_string(), "{event}: {answer}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_so_many_events_are_handled_at_a_time() -> Test {
    let log = Log::new();
    let [one, _two] = nodes(|_| {
        let log = log.clone();
        let wait = move || {
            log.push("began");
            std::future::pending::<()>()
        };
        Namespace::new().on_server("wait", wait)
    })
    .await;
    for _ in 0..1024 {
        one.of("/").server_side_emit("wait", ())?;
    }
    log.reach(1024).await;
    let mut answers = one.of("/").server_side_emit_with_ack::<serde_json::Value>("wait", ());
    let answer = answers.next().await.expect("an answer")?;
    assert_eq!(answer["error"]["code"], "overloaded");
    assert_eq!(log.all().len(), 1024);
    Ok(())
}

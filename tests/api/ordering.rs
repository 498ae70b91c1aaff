//! The order in which handlers are entered, and how many may be unfinished.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo, WireError};

use crate::support::{Gate, Log, Raw, Test, idle, join, serve};

#[tokio::test]
async fn ten_thousand_events_enter_their_handlers_in_order() -> Test {
    let last = Arc::new(AtomicUsize::new(0));
    let seen = last.clone();
    let io = serve(Namespace::new().on("n", async move |Data(n): Data<usize>| {
        let before = seen.swap(n, Ordering::Relaxed);
        assert_eq!(before + 1, n);
        for _ in 0..n % 3 {
            tokio::task::yield_now().await;
        }
        Ack(n)
    }));
    let client = join(&io).await;
    for n in 1..10_000_usize {
        client.emit("n", n);
    }
    assert_eq!(client.emit_with_ack::<usize>("n", 10_000).await?, 10_000);
    assert_eq!(last.load(Ordering::Relaxed), 10_000);
    Ok(())
}

#[tokio::test]
async fn ten_thousand_emits_arrive_in_order() -> Test {
    let io = serve(Namespace::new().on("go", async |socket: Socket, io: SocketIo| {
        for n in 0..10_000 {
            match n % 3 {
                0 => socket.emit("n", n),
                1 => io.emit("n", n),
                _ => socket.namespace().to(socket.id()).emit("n", n),
            };
        }
        Ack(())
    }));
    let mut client = join(&io).await;
    client.emit_with_ack::<()>("go", ()).await?;
    for n in 0..10_000 {
        assert_eq!(client.next::<u32>("n").await?, n);
    }
    Ok(())
}

/// A server whose handlers wait at a gate.
fn gated(sequential: bool, max_in_flight: usize) -> (SocketIo, Gate, Log) {
    let (gate, log) = (Gate::closed(), Log::new());
    let (held, seen) = (gate.clone(), log.clone());
    let mut namespace = Namespace::new()
        .on("n", async move |Data(n): Data<u32>| {
            seen.push(format!("+{n}"));
            held.pass().await;
            seen.push(format!("-{n}"));
            Ack(n)
        })
        .on("quick", async || Ack("quick"));
    if sequential {
        namespace = namespace.sequential();
    }
    let builder = SocketIo::builder().max_in_flight(max_in_flight).namespace("/", namespace);
    (builder.build().expect("it fits"), gate, log)
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_holds_nobody_up() -> Test {
    let (io, gate, log) = gated(false, 64);
    let client = join(&io).await;
    client.emit("n", 1);
    client.emit("n", 2);
    assert_eq!(client.emit_with_ack::<String>("quick", ()).await?, "quick");
    assert_eq!(log.all(), ["+1", "+2"]);
    gate.open(2);
    log.reach(4).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sequentially_a_handler_begins_when_the_one_before_has_ended() -> Test {
    let (io, gate, log) = gated(true, 64);
    let client = join(&io).await;
    for n in 1..=3 {
        client.emit("n", n);
    }
    idle().await;
    assert_eq!(log.all(), ["+1"]);
    gate.open(1);
    idle().await;
    assert_eq!(log.all(), ["+1", "-1", "+2"]);
    gate.open(2);
    assert_eq!(log.reach(6).await, ["+1", "-1", "+2", "-2", "+3", "-3"]);
    assert_eq!(client.emit_with_ack::<String>("quick", ()).await?, "quick");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sequentially_is_by_socket() -> Test {
    let (io, gate, log) = gated(true, 64);
    let (one, two) = (join(&io).await, join(&io).await);
    one.emit("n", 1);
    idle().await;
    two.emit("n", 2);
    assert_eq!(log.reach(2).await, ["+1", "+2"]);
    gate.open(2);
    log.reach(4).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_more_than_max_in_flight_handlers_of_a_socket_are_unfinished() -> Test {
    let (io, gate, log) = gated(false, 2);
    let (client, other) = (join(&io).await, join(&io).await);
    for n in 1..=5 {
        client.emit("n", n);
    }
    idle().await;
    assert_eq!(log.all(), ["+1", "+2"]);
    assert_eq!(other.emit_with_ack::<String>("quick", ()).await?, "quick");
    gate.open(1);
    idle().await;
    assert_eq!(log.all(), ["+1", "+2", "-1", "+3"]);
    gate.open(4);
    let all = log.reach(10).await;
    let entered: Vec<_> = all.iter().filter(|entry| entry.starts_with('+')).collect();
    assert_eq!(entered, ["+1", "+2", "+3", "+4", "+5"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_await_its_own_clients_answer_at_the_bound_and_in_sequence() -> Test {
    for (sequential, max_in_flight) in [(true, 64), (false, 1)] {
        let ask = async |socket: Socket, Data(n): Data<u32>| {
            let answer: u32 = socket.emit_with_ack("question", n).await?;
            Ok::<_, WireError>(Ack(answer))
        };
        let namespace = if sequential { Namespace::new().sequential() } else { Namespace::new() };
        let io = SocketIo::builder()
            .max_in_flight(max_in_flight)
            .namespace("/", namespace.on("ask", ask))
            .build()?;
        let mut raw = Raw::open(&io).await;
        raw.enter("/").await;
        for n in 0..3 {
            raw.send(&format!(r#"42{n}["ask",{n}]"#)).await;
        }
        for n in 0..3 {
            assert_eq!(raw.next().await, format!(r#"42{n}["question",{n}]"#));
            raw.send(&format!("43{n}[{}]", n * 10)).await;
            assert_eq!(raw.next().await, format!("43{n}[{}]", n * 10));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_costs_a_healthy_client_neither_heartbeat_nor_events() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (held, seen) = (gate.clone(), log.clone());
    let io = SocketIo::builder()
        .max_in_flight(1)
        .receive_budget(2048)
        .namespace(
            "/",
            Namespace::new().on("n", async move |Data((n, _)): Data<(u32, String)>| {
                held.pass().await;
                seen.push(n);
                Ack(n)
            }),
        )
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    for n in 0..50 {
        raw.send(&format!(r#"42{n}["n",{n},"{}"]"#, "x".repeat(100))).await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(io.of("/").count(), 1, "the client is still there");
    assert!(log.all().is_empty());
    gate.open(50);
    for n in 0..50 {
        assert_eq!(raw.next().await, format!("43{n}[{n}]"));
    }
    assert_eq!(log.all(), (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hung_handler_does_not_stop_the_heartbeat() -> Test {
    let (io, gate, log) = gated(false, 1);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["n",1]"#).await;
    raw.send(r#"421["n",2]"#).await;
    let reading = tokio::spawn(async move { (raw.next().await, raw.next().await) });
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!((io.of("/").count(), log.all().len()), (1, 1));
    gate.open(2);
    assert_eq!(reading.await?, ("430[1]".to_owned(), "431[2]".to_owned()));
    Ok(())
}

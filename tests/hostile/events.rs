//! Events faster than their handlers (row H2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tower_socketio::{Data, DisconnectReason, Namespace, Socket, SocketIo};

use crate::client::{Peer, TEXT, frame};
use crate::support::{LONG, Log, Test, builder, ms, noting, serve, soon, until};

/// Holds handlers until the test lets them go.
fn gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

/// `slow` notes its number, and ends when the gate lets it.
fn slow(namespace: Namespace, gate: &Arc<Semaphore>, begun: &Log<usize>, ended: &Log<usize>) -> Namespace {
    let (gate, begun, ended) = (gate.clone(), begun.clone(), ended.clone());
    namespace.on("slow", async move |Data(n): Data<usize>| {
        begun.push(n);
        gate.acquire().await.expect("a gate stays").forget();
        ended.push(n);
    })
}

fn events(name: &str, numbers: std::ops::Range<usize>) -> Vec<u8> {
    numbers.flat_map(|n| frame(TEXT, format!(r#"42["{name}",{n}]"#))).collect()
}

async fn ask_at_the_bound(namespace: Namespace) -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = namespace.on("ask", async move |socket: Socket, Data(n): Data<usize>| {
        let answer = socket.emit_with_ack::<usize>("question", n).await;
        seen.push((n, answer.ok()));
    });
    let io = builder().max_in_flight(1).receive_budget(1 << 20).namespace("/", namespace).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    peer.write(events("ask", 0..100)).await?;
    for n in 0..100_usize {
        let question = soon("a question", peer.text()).await?;
        let id =
            question.strip_prefix("42").and_then(|rest| rest.strip_suffix(&format!(r#"["question",{n}]"#)));
        peer.say(format!("43{}[{}]", id.ok_or(question.clone())?, n * 2)).await?;
    }
    let expected: Vec<_> = (0..100).map(|n| (n, Some(n * 2))).collect();
    assert_eq!(log.reach(100).await, expected);
    Ok(())
}

#[tokio::test]
async fn a_handler_at_the_bound_may_await_its_own_client() -> Test {
    ask_at_the_bound(Namespace::new()).await
}

#[tokio::test]
async fn a_sequential_handler_may_await_its_own_client() -> Test {
    ask_at_the_bound(Namespace::new().sequential()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_slower_than_the_heartbeat_costs_no_healthy_client_its_connection() -> Test {
    let (gate, begun, ended, left) = (gate(), Log::new(), Log::new(), Log::new());
    let io = builder()
        .ping_interval(ms(60))
        .ping_timeout(ms(60))
        .receive_budget(1000)
        .max_in_flight(1)
        .namespace("/", slow(noting(&left), &gate, &begun, &ended))
        .build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    peer.write(events("slow", 0..500)).await?;
    // Ten heartbeats long nothing is read, and everything is well.
    for _ in 0..10 {
        assert_eq!(soon("a ping", peer.frame()).await?, (TEXT, b"2".to_vec()));
        peer.say("3").await?;
    }
    assert_eq!((begun.len(), left.len()), (1, 0));
    gate.add_permits(500);
    assert_eq!(ended.reach(500).await, (0..500).collect::<Vec<_>>());
    // And the heartbeat is in force again.
    assert_eq!(left.len(), 0);
    assert_eq!(left.reach(1).await, [DisconnectReason::PingTimeout]);
    drop(peer);
    Ok(())
}

async fn goes_while_paused(go: impl FnOnce(Peer)) -> Test {
    let (gate, begun, ended, left) = (gate(), Log::new(), Log::new(), Log::new());
    let io = builder()
        .ping_interval(ms(100))
        .ping_timeout(ms(100))
        .receive_budget(1000)
        .max_in_flight(3)
        .namespace("/", slow(noting(&left), &gate, &begun, &ended))
        .build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    peer.write(events("slow", 0..500)).await?;
    begun.reach(3).await;
    // The next ping comes while reading is paused.
    assert_eq!(soon("a ping", peer.frame()).await?, (TEXT, b"2".to_vec()));
    go(peer);
    left.reach(1).await;
    until("the connection goes", || io.connections() == 0).await;
    assert_eq!(ended.len(), 0, "handlers in flight are still there");
    gate.add_permits(500);
    assert_eq!(ended.reach(3).await, [0, 1, 2]);
    assert_eq!((begun.len(), left.len()), (3, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closes_while_reading_is_paused_is_noticed() -> Test {
    goes_while_paused(drop).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_while_reading_is_paused_is_noticed() -> Test {
    goes_while_paused(Peer::reset).await
}

#[tokio::test]
async fn a_polling_clients_payload_beyond_the_receive_budget_is_handled_whole() -> Test {
    let (gate, begun, ended) = (gate(), Log::new(), Log::new());
    let namespace = slow(Namespace::new(), &gate, &begun, &ended).sequential();
    let io = builder().receive_budget(500).namespace("/", namespace).build()?;
    let address = serve(&io);
    let mut peer = Peer::dial(address).await;
    let query = peer.enter_polling().await?;
    gate.add_permits(200);
    let events: Vec<_> = (0..100).map(|n| format!(r#"42["slow",{n}]"#)).collect();
    assert_eq!(soon("the answer", peer.post(&query, &events.join("\x1e"))).await?.status, 200);
    let events: Vec<_> = (100..200).map(|n| format!(r#"42["slow",{n}]"#)).collect();
    assert_eq!(soon("the answer", peer.post(&query, &events.join("\x1e"))).await?.status, 200);
    assert_eq!(ended.reach(200).await, (0..200).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_polling_clients_payload_waits_while_handlers_do() -> Test {
    let (gate, begun, ended) = (gate(), Log::new(), Log::new());
    let namespace = slow(Namespace::new(), &gate, &begun, &ended).sequential();
    let io = builder().receive_budget(500).namespace("/", namespace).build()?;
    let address = serve(&io);
    let mut peer = Peer::dial(address).await;
    let query = peer.enter_polling().await?;
    let events: Vec<_> = (0..100).map(|n| format!(r#"42["slow",{n}]"#)).collect();
    let payload = events.join("\x1e");
    let (answer, ()) = tokio::join!(peer.post(&query, &payload), async {
        begun.reach(1).await;
        gate.add_permits(100);
    });
    assert_eq!(answer?.status, 200);
    assert_eq!(ended.reach(100).await, (0..100).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_client_may_leave_and_come_again_while_its_events_wait() -> Test {
    let (gate, begun, ended, left) = (gate(), Log::new(), Log::new(), Log::new());
    let namespace = slow(noting(&left), &gate, &begun, &ended).sequential();
    let io = builder().namespace("/", namespace).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    peer.write([events("slow", 0..2), frame(TEXT, "41"), frame(TEXT, "40"), events("slow", 2..3)].concat())
        .await?;
    begun.reach(1).await;
    gate.add_permits(3);
    let entered = soon("the second socket", peer.text()).await?;
    assert!(entered.starts_with("40{"), "{entered}");
    assert_eq!(ended.reach(3).await, [0, 1, 2]);
    assert_eq!(left.reach(1).await, [DisconnectReason::ClientNamespaceDisconnect]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_and_entering_again_is_no_way_past_max_in_flight() -> Test {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, highest, gate) = (now.clone(), most.clone(), gate());
    let held = gate.clone();
    let namespace = Namespace::new().on("slow", async move || {
        highest.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        held.acquire().await.expect("a gate stays").forget();
        running.fetch_sub(1, Ordering::SeqCst);
    });
    let io = builder().max_in_flight(4).receive_budget(10_000).namespace("/", namespace).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    let round = [frame(TEXT, r#"42["slow"]"#), frame(TEXT, "41"), frame(TEXT, "40")].concat();
    peer.write([round.repeat(5000), frame(TEXT, "40/end,")].concat()).await?;
    // Either everything is handled, or reading has stopped.
    let end = async { while peer.text().await.is_ok_and(|text| !text.starts_with("44/end,")) {} };
    let _ = tokio::time::timeout(ms(1500), end).await;
    let most = most.load(Ordering::SeqCst);
    gate.add_permits(1_000_000);
    until("the handlers end", || now.load(Ordering::SeqCst) == 0).await;
    eprintln!("{most} handlers at a time");
    assert!(most <= 256, "{most} handlers of one connection at a time, and `max_in_flight` is 4");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_events_in_a_burst_enter_their_handlers_in_order() -> Test {
    for sequential in [false, true] {
        let begun = Log::new();
        let seen = begun.clone();
        let namespace = Namespace::new().on("e", async move |Data(n): Data<usize>| {
            seen.push(n);
            for _ in 0..n % 4 {
                tokio::task::yield_now().await;
            }
        });
        let namespace = if sequential { namespace.sequential() } else { namespace };
        let io: SocketIo = builder().receive_budget(4096).namespace("/", namespace).build()?;
        let mut peer = Peer::dial(serve(&io)).await;
        peer.enter().await?;
        tokio::time::timeout(LONG, peer.write(events("e", 0..10_000))).await??;
        assert_eq!(begun.reach(10_000).await, (0..10_000).collect::<Vec<_>>());
    }
    Ok(())
}

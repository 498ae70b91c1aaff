//! Polling sessions whose clients do not keep their part.

use tower_socketio::{DisconnectReason, Overflow};

use crate::client::{Peer, TEXT, frame};
use crate::support::{LONG, Log, Test, builder, ms, noting, serve, soon, until};

#[tokio::test]
async fn a_client_that_never_polls_ends_by_ping_timeout_and_within_its_budget() -> Test {
    let left = Log::new();
    let io = builder()
        .ping_interval(ms(300))
        .ping_timeout(ms(200))
        .send_budget(100_000, Overflow::DropNewest)
        .namespace("/", noting(&left))
        .build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter_polling().await?;
    let socket = io.of("/").sockets().pop().ok_or("a socket")?;
    for n in 0..1000 {
        socket.emit("e", (n, "x".repeat(1000)));
        assert!(socket.conn().bytes_waiting() <= 100_000);
    }
    assert!(socket.conn().packets_dropped() >= 900);
    assert_eq!(left.reach(1).await, [DisconnectReason::PingTimeout]);
    until("the session goes", || io.connections() == 0).await;
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_polls_is_disconnected_when_its_budget_is_spent() -> Test {
    let left = Log::new();
    let io = builder().send_budget(100_000, Overflow::Disconnect).namespace("/", noting(&left)).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter_polling().await?;
    let socket = io.of("/").sockets().pop().ok_or("a socket")?;
    while socket.emit("e", "x".repeat(1000)).into_result().is_ok() {}
    assert_eq!(left.reach(1).await, [DisconnectReason::ForcedServerClose]);
    until("the session goes", || io.connections() == 0).await;
    Ok(())
}

#[tokio::test]
async fn a_poll_with_a_large_backlog_is_answered_in_portions_of_max_payload() -> Test {
    let io = builder().max_payload(20_000).namespace("/", noting(&Log::new())).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    let query = peer.enter_polling().await?;
    let socket = io.of("/").sockets().pop().ok_or("a socket")?;
    for n in 0..500 {
        socket.emit("e", (n, "x".repeat(1000))).into_result()?;
    }
    let (mut next, mut polls) = (0, 0);
    while next < 500 {
        let answer = soon("the backlog", peer.get(&query)).await?;
        assert!(answer.body.len() <= 20_000, "{}", answer.body.len());
        for packet in answer.body.split('\x1e') {
            assert!(packet.starts_with(&format!(r#"42["e",{next},"#)), "{packet:.30}");
            next += 1;
        }
        polls += 1;
    }
    assert!((26..=28).contains(&polls), "{polls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_vanish_in_the_middle_of_a_request_leave_nothing() -> Test {
    let left = Log::new();
    let io = builder().ping_interval(ms(2500)).ping_timeout(ms(500)).namespace("/", noting(&left)).build()?;
    let address = serve(&io);
    let mut peers = tokio::task::JoinSet::new();
    for n in 0..200 {
        peers.spawn(async move {
            let mut peer = Peer::dial(address).await;
            let query = peer.enter_polling().await.expect("a session");
            match n % 4 {
                // A poll that waits, then a reset.
                0 => peer.ask_get(&query).await.expect("it is sent"),
                // A body cut in the middle.
                1 => {
                    let head = format!("POST /socket.io/?{query} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n42[");
                    peer.write(head).await.expect("it is sent");
                }
                // A body that never ends, in chunks.
                2 => {
                    let head = format!("POST /socket.io/?{query} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\n");
                    peer.write(head).await.expect("it is sent");
                }
                // A head cut in the middle.
                _ => peer.write(format!("GET /socket.io/?{query} HTTP/1.1\r\nHo")).await.expect("it is sent"),
            }
            if n % 8 < 4 {
                peer.reset();
            } else {
                drop(peer);
            }
        });
    }
    soon("the storm", peers.join_all()).await;
    assert_eq!(left.reach(200).await.len(), 200);
    until("the sessions go", || io.connections() == 0).await;
    assert_eq!((left.len(), io.of("/").count()), (200, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_probes_for_one_session_cost_it_nothing() -> Test {
    let left = Log::new();
    let io = builder().upgrade_timeout(ms(500)).namespace("/", noting(&left)).build()?;
    let address = serve(&io);
    let mut peer = Peer::dial(address).await;
    let query = peer.enter_polling().await?;
    let upgrade = query.replace("polling", "websocket");
    let mut probes = Vec::new();
    for _ in 0..100 {
        let mut probe = Peer::dial(address).await;
        probe.ask_upgrade(&upgrade).await?;
        probes.push(probe);
    }
    let mut pongs = 0;
    for probe in &mut probes {
        assert_eq!(probe.answer().await?.status, 101);
        let _ = probe.say("2probe").await;
        // One is taken as the probe, all others are closed.
        if let Ok(Ok(text)) = tokio::time::timeout(LONG, probe.text()).await {
            assert_eq!(text, "3probe");
            pongs += 1;
        }
    }
    assert_eq!(pongs, 1);
    drop(probes);
    // The probe's end is no end of the session, and the next one may upgrade.
    io.emit("e", 1);
    assert!(soon("a poll", peer.get(&query)).await?.body.contains(r#"42["e",1]"#));
    let mut probe = soon("a probe", async {
        loop {
            let mut probe = Peer::dial(address).await;
            probe.ask_upgrade(&upgrade).await.expect("it is sent");
            assert_eq!(probe.answer().await.expect("an answer").status, 101);
            if probe.say("2probe").await.is_ok() && probe.text().await.is_ok_and(|text| text == "3probe") {
                break probe;
            }
        }
    })
    .await;
    probe.say("5").await?;
    io.emit("e", 2);
    assert_eq!(soon("the event", probe.text()).await?, r#"42["e",2]"#);
    assert_eq!((left.len(), io.connections()), (0, 1));
    probe.reset();
    left.reach(1).await;
    until("the session goes", || io.connections() == 0).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_reset_at_any_stage_leave_nothing() -> Test {
    let left = Log::new();
    let io = builder()
        .upgrade_timeout(ms(300))
        .ping_interval(ms(2500))
        .ping_timeout(ms(500))
        .namespace("/", noting(&left))
        .build()?;
    let address = serve(&io);
    let mut peers = tokio::task::JoinSet::new();
    for n in 0..200 {
        peers.spawn(async move {
            let mut peer = Peer::dial(address).await;
            let query = peer.enter_polling().await.expect("a session");
            let mut probe = Peer::dial(address).await;
            probe.ask_upgrade(&query.replace("polling", "websocket")).await.expect("it is sent");
            if n % 5 > 0 {
                assert_eq!(probe.answer().await.expect("an answer").status, 101);
            }
            if n % 5 > 1 {
                probe.say("2probe").await.expect("it is sent");
            }
            if n % 5 > 2 {
                assert_eq!(probe.text().await.expect("a pong"), "3probe");
            }
            if n % 5 > 3 {
                probe.write([frame(TEXT, "5"), frame(TEXT, "42[\"e\"]")].concat()).await.expect("it is sent");
            }
            probe.reset();
        });
    }
    soon("the storm", peers.join_all()).await;
    assert_eq!(left.reach(200).await.len(), 200);
    until("the sessions go", || io.connections() == 0).await;
    assert_eq!((left.len(), io.of("/").count()), (200, 0));
    Ok(())
}

//! Peers that do not read (row H3).

use std::time::Instant;

use tower_socketio::{Builder, DisconnectReason, Overflow, Socket, SocketIo, WireError};

use crate::client::Peer;
use crate::support::{LONG, Log, Test, builder, ms, noting, serve, soon, until};

const BUDGET: usize = 256 * 1024;
const MESSAGE: usize = 1000;

struct Server {
    io: SocketIo,
    left: Log<DisconnectReason>,
    errors: Log<String>,
    address: std::net::SocketAddr,
}

fn server(builder: Builder) -> Test<Server> {
    let (left, errors) = (Log::new(), Log::new());
    let heard = errors.clone();
    let namespace = noting(&left).on_error(async move |error: WireError| heard.push(error.to_string()));
    let io = builder.namespace("/", namespace).build()?;
    let address = serve(&io);
    Ok(Server { io, left, errors, address })
}

/// A peer in `/` that reads nothing from now on.
async fn silent(server: &Server) -> Test<(Peer, Socket)> {
    let mut peer = Peer::dial_narrow(server.address).await;
    peer.enter().await?;
    let socket = server.io.of("/").sockets().pop().ok_or("a socket")?;
    Ok((peer, socket))
}

/// Emits numbered messages, and lets the connection write what the kernel takes; says how many were queued.
async fn stuff(socket: &Socket, messages: usize) -> usize {
    let (filler, mut queued) = ("x".repeat(MESSAGE), 0);
    for n in 0..messages {
        queued += usize::from(socket.emit("e", (n, &filler)).into_result().is_ok());
        assert!(socket.conn().bytes_waiting() <= BUDGET, "the budget holds");
        tokio::task::yield_now().await;
    }
    queued
}

fn number(event: &str) -> usize {
    let number = event.strip_prefix(r#"42["e","#).and_then(|rest| rest.split(',').next());
    number.and_then(|number| number.parse().ok()).expect("an event with a number")
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_gone_after_the_write_timeout() -> Test {
    let server = server(builder().send_budget(BUDGET, Overflow::Disconnect))?;
    let (peer, socket) = silent(&server).await?;
    let filler = "x".repeat(MESSAGE);
    while socket.conn().bytes_waiting() < BUDGET / 2 {
        socket.emit("e", &filler).into_result()?;
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    assert_eq!(server.left.reach(1).await, [DisconnectReason::TransportError]);
    let noticed = start.elapsed();
    assert!(noticed > ms(400) && noticed < ms(900), "after {noticed:?}");
    until("the connection goes", || server.io.connections() == 0).await;
    assert!(!socket.is_connected() && socket.conn().is_closed());
    assert!(socket.emit("e", ()).into_result().is_err());
    assert_eq!(server.left.len(), 1);
    drop(peer);
    Ok(())
}

#[tokio::test]
async fn a_peer_whose_budget_is_spent_is_disconnected_once() -> Test {
    let server = server(builder().send_budget(BUDGET, Overflow::Disconnect))?;
    let (peer, socket) = silent(&server).await?;
    let queued = stuff(&socket, 2000).await;
    assert!((BUDGET / MESSAGE - 50..1900).contains(&queued), "{queued}");
    assert_eq!(server.left.reach(1).await, [DisconnectReason::ForcedServerClose]);
    until("the connection goes", || server.io.connections() == 0).await;
    assert!(!server.errors.all().is_empty(), "the overflow is told");
    assert_eq!((server.left.len(), server.io.of("/").count()), (1, 0));
    drop(peer);
    Ok(())
}

#[tokio::test]
async fn a_peer_that_reads_again_after_its_budget_was_spent_sees_a_clean_end() -> Test {
    let server = server(builder().send_budget(BUDGET, Overflow::Disconnect).close_grace(ms(5000)))?;
    let (mut peer, socket) = silent(&server).await?;
    stuff(&socket, 2000).await;
    server.left.reach(1).await;
    let end = soon("the end", async {
        loop {
            if let Err(error) = peer.text().await {
                break error;
            }
        }
    });
    assert_eq!(end.await.kind(), std::io::ErrorKind::ConnectionAborted, "a Close frame comes");
    Ok(())
}

#[tokio::test]
async fn drop_newest_keeps_what_came_first() -> Test {
    let server = server(builder().send_budget(BUDGET, Overflow::DropNewest).write_timeout(LONG))?;
    let (mut peer, socket) = silent(&server).await?;
    let queued = stuff(&socket, 2000).await;
    assert!(queued < 1900, "{queued}");
    assert_eq!(socket.conn().packets_dropped(), 2000 - queued as u64);
    assert!(!server.errors.all().is_empty(), "the first drop is told at least");
    assert!(socket.is_connected() && server.left.len() == 0);
    for n in 0..queued {
        let event = soon("what was queued", peer.text()).await?;
        assert!(number(&event) >= n, "{event:.40}");
    }
    socket.emit("after", ()).into_result()?;
    assert_eq!(soon("what comes after", peer.text()).await?, r#"42["after"]"#);
    Ok(())
}

#[tokio::test]
async fn drop_oldest_keeps_what_came_last() -> Test {
    let server = server(builder().send_budget(BUDGET, Overflow::DropOldest).write_timeout(LONG))?;
    let (mut peer, socket) = silent(&server).await?;
    assert_eq!(stuff(&socket, 2000).await, 2000);
    let dropped = socket.conn().packets_dropped();
    assert!(dropped > 100, "{dropped}");
    assert!(!server.errors.all().is_empty(), "a drop is told");
    assert!(socket.is_connected() && server.left.len() == 0);
    let (mut seen, mut last) = (0, None);
    while last != Some(1999) {
        let event = number(&soon("what was queued", peer.text()).await?);
        assert!(Some(event) > last, "the order is kept");
        (seen, last) = (seen + 1, Some(event));
    }
    assert_eq!(seen, 2000 - dropped);
    socket.emit("after", ()).into_result()?;
    assert_eq!(soon("what comes after", peer.text()).await?, r#"42["after"]"#);
    Ok(())
}

#[tokio::test]
async fn drop_oldest_costs_a_sender_no_walk_through_the_queue() -> Test {
    let emits = 1000_u32;
    let mut times = Vec::new();
    for budget in [64 * 1024, 1 << 20] {
        let server = server(builder().send_budget(budget, Overflow::DropOldest).write_timeout(LONG))?;
        let (_peer, socket) = silent(&server).await?;
        while socket.conn().packets_dropped() == 0 {
            socket.emit("e", 1);
            tokio::task::consume_budget().await;
        }
        let start = Instant::now();
        for n in 0..emits {
            socket.emit("e", n);
        }
        times.push(start.elapsed());
    }
    assert!(times[1] < times[0] * 8, "emits cost {times:?}: more where more waits");
    Ok(())
}

#[tokio::test]
async fn a_packet_larger_than_the_budget_is_sent_when_nothing_else_waits() -> Test {
    for overflow in [Overflow::Disconnect, Overflow::DropNewest, Overflow::DropOldest] {
        let server = server(builder().send_budget(1000, overflow))?;
        let (mut peer, socket) = silent(&server).await?;
        socket.emit("e", (0, "x".repeat(300_000))).into_result()?;
        socket.disconnect();
        assert_eq!(number(&soon("the event", peer.text()).await?), 0);
        assert_eq!(soon("the DISCONNECT", peer.text()).await.ok().as_deref(), Some("41"), "{overflow:?}");
        assert_eq!(server.left.reach(1).await, [DisconnectReason::ServerNamespaceDisconnect]);
    }
    Ok(())
}

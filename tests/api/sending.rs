//! What becomes of an emit: `Sent`, volatile packets, budgets and the ways to overflow them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::yield_now;
use tower_socketio::{DisconnectReason, EmitError, Namespace, Overflow, Sent, Socket, SocketIo};

use crate::support::{Log, Raw, Test, idle, join, serve};

/// So much fits into the network, and into what a connection may keep back.
const NETWORK: usize = 1024;
const BUDGET: usize = 8 * 1024;

fn limited(overflow: Overflow, log: &Log) -> SocketIo {
    let left = log.clone();
    let namespace = Namespace::new()
        .on_disconnect(async move |reason: DisconnectReason| left.push(reason))
        .on_error(log.errors());
    SocketIo::builder().send_budget(BUDGET, overflow).namespace("/", namespace).build().expect("it fits")
}

/// A client that does not read, and the server's socket for it.
async fn silent(io: &SocketIo) -> (Raw, Socket) {
    let mut raw = Raw::with(io, NETWORK, "", &[]).await;
    let id = raw.enter("/").await;
    (raw, io.socket(&id).expect("the socket is here"))
}

/// Emits numbered events until one is not taken, and returns that one's number and fate.
async fn fill(socket: &Socket) -> (usize, Sent) {
    for number in 0..1000 {
        let sent = socket.emit("n", (number, "x".repeat(500)));
        if sent.reached() == 0 {
            return (number, sent);
        }
        yield_now().await;
    }
    panic!("the budget has no end");
}

fn number(packet: &str) -> usize {
    let rest = packet.strip_prefix(r#"42["n","#).expect("a numbered event");
    rest.split(',').next().and_then(|number| number.parse().ok()).expect("its number")
}

#[tokio::test]
async fn an_emit_says_how_many_it_reached_and_why_it_failed() -> Test {
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    let sent = socket.emit("e", ());
    assert_eq!(sent.reached(), 1);
    sent.into_result()?;
    for event in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let sent = socket.emit(event, ());
        assert_eq!(sent.reached(), 0);
        assert!(matches!(sent.into_result(), Err(EmitError::Encode(_))), "{event} is reserved");
        assert!(matches!(io.emit(event, ()).into_result(), Err(EmitError::Encode(_))));
    }
    let map = BTreeMap::from([([1, 2], 3)]);
    assert!(matches!(socket.emit("e", &map).into_result(), Err(EmitError::Encode(_))));
    assert!(matches!(io.emit("e", &map).into_result(), Err(EmitError::Encode(_))));
    let nobody = io.to("nobody").emit("e", ());
    assert_eq!(nobody.reached(), 0);
    nobody.into_result()?;
    client.next::<()>("e").await?;
    socket.disconnect();
    client.closed().await?;
    let sent = socket.emit("e", ());
    assert_eq!(sent.reached(), 0);
    assert!(matches!(sent.into_result(), Err(EmitError::Closed)));
    assert_eq!(socket.broadcast().emit("e", ()).reached(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_emitted_is_told_to_on_error() -> Test {
    let log = Log::new();
    let namespace = Namespace::new()
        .on("e", async |socket: Socket| {
            socket.emit("map", BTreeMap::from([([1, 2], 3)]));
        })
        .on_error(log.errors());
    join(&serve(namespace)).await.emit_with_ack::<()>("e", ()).await?;
    let error = &log.reach(1).await[0];
    assert!(error.contains("map") && error.contains("key must be a string"), "{error}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn by_default_a_client_that_does_not_read_is_disconnected() -> Test {
    let log = Log::new();
    let io = limited(Overflow::default(), &log);
    let (raw, socket) = silent(&io).await;
    let closed = socket.closed();
    let (taken, sent) = fill(&socket).await;
    assert!((BUDGET / 520..=(BUDGET + 4 * NETWORK) / 500).contains(&taken), "{taken} events were taken");
    assert!(matches!(sent.into_result(), Err(EmitError::Full)));
    closed.await;
    let all = log.reach(2).await;
    assert!(all.contains(&"forced server close".to_owned()), "{all:?}");
    assert!(all.iter().any(|error| error.contains("budget")), "{all:?}");
    assert!(matches!(socket.emit("e", ()).into_result(), Err(EmitError::Closed)));
    assert_eq!(io.of("/").count(), 0);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(io.connections(), 0);
    drop(raw);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_overflows_one_client_reaches_the_others() -> Test {
    let log = Log::new();
    let io = limited(Overflow::Disconnect, &log);
    let (_raw, socket) = silent(&io).await;
    let mut client = join(&io).await;
    fill(&socket).await;
    idle().await;
    assert_eq!(io.emit("e", 1).reached(), 1);
    assert_eq!(client.next::<u32>("e").await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn drop_newest_keeps_what_waits() -> Test {
    let log = Log::new();
    let io = limited(Overflow::DropNewest, &log);
    let (mut raw, socket) = silent(&io).await;
    let (taken, sent) = fill(&socket).await;
    assert!(matches!(sent.into_result(), Err(EmitError::Full)));
    assert!(log.reach(1).await[0].contains("budget"));
    assert_eq!(io.emit("n", (taken, "x".repeat(500))).reached(), 0);
    for expected in 0..taken {
        assert_eq!(number(&raw.next().await), expected);
    }
    assert_eq!(socket.emit("n", (7777, ())).reached(), 1);
    assert_eq!(number(&raw.next().await), 7777);
    assert!(socket.is_connected());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_keeps_what_is_new_and_every_answer() -> Test {
    let log = Log::new();
    let io = limited(Overflow::DropOldest, &log);
    let (mut raw, socket) = silent(&io).await;
    idle().await;
    raw.send(r#"427["unknown"]"#).await;
    idle().await;
    for number in 0..200 {
        let sent = if number % 2 == 0 {
            socket.emit("n", (number, "x".repeat(500)))
        } else {
            io.emit("n", (number, "x".repeat(500)))
        };
        assert_eq!(sent.reached(), 1, "event {number}");
        yield_now().await;
    }
    let (mut numbers, mut answers) = (Vec::new(), 0);
    while numbers.last() != Some(&199) {
        let packet = raw.next().await;
        if packet.starts_with("437") { answers += 1 } else { numbers.push(number(&packet)) }
    }
    assert_eq!(answers, 1);
    assert!(numbers.is_sorted() && numbers.len() < 60, "{numbers:?}");
    assert!(numbers.contains(&198) && numbers.contains(&195), "{numbers:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_packet_may_be_larger_than_the_budget_if_nothing_else_waits() -> Test {
    let log = Log::new();
    let io = limited(Overflow::Disconnect, &log);
    let (mut raw, socket) = silent(&io).await;
    assert_eq!(socket.emit("large", "x".repeat(10 * BUDGET)).reached(), 1);
    assert_eq!(raw.next().await.len(), 10 * BUDGET + r#"42["large",""]"#.len());
    assert_eq!(io.emit("large", "x".repeat(10 * BUDGET)).reached(), 1);
    assert_eq!(raw.next().await.len(), 10 * BUDGET + r#"42["large",""]"#.len());
    assert!(socket.is_connected());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn ready_waits_until_there_is_room_again() -> Test {
    let log = Log::new();
    let io = limited(Overflow::DropNewest, &log);
    let (mut raw, socket) = silent(&io).await;
    assert!(socket.ready().await);
    let (taken, _) = fill(&socket).await;
    assert!(socket.conn().bytes_waiting() > BUDGET / 2);
    let waiting = socket.clone();
    let waiting = tokio::spawn(async move { waiting.ready().await });
    idle().await;
    assert!(!waiting.is_finished());
    for _ in 0..taken {
        raw.next().await;
    }
    assert!(waiting.await?);
    assert_eq!(socket.conn().bytes_waiting(), 0);
    drop(raw);
    socket.closed().await;
    idle().await;
    assert!(!socket.ready().await);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_at_the_write_timeout() -> Test {
    let log = Log::new();
    let left = log.clone();
    let io = SocketIo::builder()
        .write_timeout(Duration::from_secs(7))
        .namespace(
            "/",
            Namespace::new().on_disconnect(async move |reason: DisconnectReason| left.push(reason)),
        )
        .build()?;
    let (raw, socket) = silent(&io).await;
    let start = tokio::time::Instant::now();
    socket.emit("large", "x".repeat(100_000));
    socket.closed().await;
    assert_eq!(start.elapsed().as_secs(), 7);
    assert_eq!(log.reach(1).await, ["transport error"]);
    assert_eq!(io.of("/").count(), 0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(io.connections(), 0);
    drop(raw);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_volatile_packet_is_dropped_if_anything_waits() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(
        Namespace::new()
            .on("regular first", async |socket: Socket| {
                socket.emit("regular", 1);
                socket.volatile().emit("volatile", 2);
            })
            .on("volatile twice", async move |socket: Socket| {
                seen.push(socket.volatile().emit("volatile", 1).reached());
                let second = socket.volatile().emit("volatile", 2);
                seen.push(matches!(second.into_result(), Err(EmitError::Dropped)));
                seen.push(socket.namespace().volatile().emit("volatile", 3).reached());
            }),
    );
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"42["regular first"]"#).await;
    assert_eq!(raw.next().await, r#"42["regular",1]"#);
    raw.send(r#"42["volatile twice"]"#).await;
    assert_eq!(raw.next().await, r#"42["volatile",1]"#);
    assert_eq!(log.all(), ["1", "true", "0"]);
    assert_eq!(io.of("/").volatile().emit("volatile", 4).reached(), 1);
    assert_eq!(raw.next().await, r#"42["volatile",4]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_volatile_packet_is_dropped_if_the_network_is_full() -> Test {
    let io = serve(Namespace::new());
    let (mut raw, socket) = silent(&io).await;
    idle().await;
    socket.emit("large", "x".repeat(4 * NETWORK));
    idle().await;
    assert!(matches!(socket.volatile().emit("v", 1).into_result(), Err(EmitError::Dropped)));
    assert_eq!(io.of("/").volatile().emit("v", 2).reached(), 0);
    assert!(raw.next().await.starts_with(r#"42["large""#));
    idle().await;
    assert_eq!(socket.volatile().emit("v", 3).reached(), 1);
    assert_eq!(raw.next().await, r#"42["v",3]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_room_may_send_as_much_as_it_likes() -> Test {
    let io = SocketIo::builder()
        .send_budget(BUDGET, Overflow::Disconnect)
        .namespace(
            "/",
            Namespace::new().on("go", async |socket: Socket| {
                for n in 0..500 {
                    assert!(socket.ready().await);
                    assert_eq!(socket.emit("n", (n, "x".repeat(500))).reached(), 1);
                }
            }),
        )
        .build()?;
    let mut raw = Raw::with(&io, NETWORK, "", &[]).await;
    raw.enter("/").await;
    raw.send(r#"420["go"]"#).await;
    for n in 0..500 {
        assert_eq!(number(&raw.next().await), n);
    }
    assert_eq!(raw.next().await, "430[]");
    Ok(())
}

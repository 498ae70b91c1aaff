//! Clients that come and go at any moment, many at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tower_socketio::{Namespace, Socket, SocketIo};

use crate::client::{Peer, TEXT, frame};
use crate::support::{Test, builder, ms, serve, soon, until};

/// How many sockets were accepted, and how many left.
#[derive(Clone, Debug, Default)]
struct Counts {
    entered: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
}

impl Counts {
    fn namespace(&self) -> Namespace {
        let (entered, left) = (self.entered.clone(), self.left.clone());
        Namespace::new()
            .on_connect(async |socket: Socket| {
                socket.join(["a", "b"]);
                tokio::task::yield_now().await;
            })
            .on_connected(async move |socket: Socket| {
                entered.fetch_add(1, Ordering::SeqCst);
                socket.join("c");
                let _ = socket.emit_with_ack::<u32>("question", ()).await;
            })
            .on_disconnect(async move || {
                left.fetch_add(1, Ordering::SeqCst);
            })
            .on("slow", async |socket: Socket| {
                socket.join("d");
                tokio::time::sleep(ms(20)).await;
                socket.join("e");
            })
    }

    /// Everybody has left, once, and nothing of them is there.
    async fn settled(&self, io: &SocketIo, namespace: &str) {
        until("the connections go", || io.connections() == 0).await;
        let counts = || (self.left.load(Ordering::SeqCst), self.entered.load(Ordering::SeqCst));
        until("the hooks run", || counts().0 == counts().1).await;
        assert_eq!((io.of(namespace).count(), io.of(namespace).rooms()), (0, Vec::new()), "{:?}", counts());
    }
}

fn server(counts: &Counts) -> Test<(SocketIo, SocketAddr)> {
    let io = builder()
        .ping_interval(ms(500))
        .ping_timeout(ms(300))
        .connect_timeout(ms(800))
        .upgrade_timeout(ms(300))
        .ack_timeout(ms(500))
        .namespace("/", counts.namespace())
        .build()?;
    let address = serve(&io);
    Ok((io, address))
}

/// Comes, and leaves at one of many stages.
async fn visit(address: SocketAddr, n: usize) -> std::io::Result<()> {
    let mut peer = Peer::dial(address).await;
    match n % 10 {
        0 => peer.write("GET /socket.io/?EIO=4&transport=webso").await?,
        1 => peer.ask_upgrade("EIO=4&transport=websocket").await?,
        2 => peer.open(4).await?,
        3 => {
            peer.open(4).await?;
            peer.say("40").await?;
        }
        4 => peer.enter().await?,
        5 => {
            peer.enter().await?;
            peer.say(r#"420["slow"]"#).await?;
        }
        6 => {
            peer.enter().await?;
            peer.say("41").await?;
        }
        7 => {
            peer.open(4).await?;
            // Two at once: the second is a violation.
            peer.write([frame(TEXT, "40"), frame(TEXT, "40")].concat()).await?;
        }
        8 => {
            let query = peer.open_polling(4).await?;
            peer.post(&query, "40").await?;
        }
        _ => {
            let query = peer.open_polling(4).await?;
            let mut probe = Peer::dial(address).await;
            probe.ask_upgrade(&query.replace("polling", "websocket")).await?;
            probe.answer().await?;
            probe.write([frame(TEXT, "2probe"), frame(TEXT, "5"), frame(TEXT, "40")].concat()).await?;
            probe.reset();
        }
    }
    if n.is_multiple_of(3) {
        drop(peer);
    } else {
        peer.reset();
    }
    Ok(())
}

async fn storm(address: SocketAddr, visitors: usize) {
    let mut visits = JoinSet::new();
    for n in 0..visitors {
        // Where the server ends a connection first, the visit is over.
        visits.spawn(async move { drop(visit(address, n).await) });
        if visits.len() > 100 {
            visits.join_next().await;
        }
    }
    visits.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_of_two_thousand_clients_nothing_is_left() -> Test {
    let counts = Counts::default();
    let (io, address) = server(&counts)?;
    soon("the storm", storm(address, 2000)).await;
    counts.settled(&io, "/").await;
    assert!(counts.entered.load(Ordering::SeqCst) > 400, "{counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_can_drain_in_a_storm() -> Test {
    let counts = Counts::default();
    let (io, address) = server(&counts)?;
    let visitors = tokio::spawn(storm(address, 1000));
    until("the storm is at its height", || counts.entered.load(Ordering::SeqCst) > 50).await;
    soon("the drain", io.drain(ms(100))).await;
    assert_eq!(io.connections(), 0);
    soon("the storm", visitors).await?;
    counts.settled(&io, "/").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_connects_are_violations_and_leave_nothing() -> Test {
    let counts = Counts::default();
    let (io, address) = server(&counts)?;
    let mut floods = JoinSet::new();
    for _ in 0..50 {
        floods.spawn(async move {
            let mut peer = Peer::dial(address).await;
            peer.open(4).await.expect("a session");
            let _ = peer.write(frame(TEXT, "40").repeat(1000)).await;
            soon("the end", peer.drain()).await.unwrap_or_default()
        });
    }
    soon("the floods", floods.join_all()).await;
    counts.settled(&io, "/").await;
    Ok(())
}

async fn revolving_door(namespace: &str, declared: &str) -> Test {
    const ROUNDS: usize = 10_000;
    let counts = Counts::default();
    let io = builder().namespace(declared, counts.namespace()).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.open(4).await?;
    let round = [frame(TEXT, format!("40{namespace},")), frame(TEXT, format!("41{namespace},"))].concat();
    let (mut read, mut write) = peer.stream.into_split();
    let reader = tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    soon("the rounds", tokio::io::AsyncWriteExt::write_all(&mut write, &round.repeat(ROUNDS))).await?;
    until("everybody has left", || counts.left.load(Ordering::SeqCst) == ROUNDS).await;
    assert_eq!((io.connections(), counts.entered.load(Ordering::SeqCst)), (1, ROUNDS));
    drop(write);
    let _ = soon("the end", reader).await?;
    counts.settled(&io, declared).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_may_be_entered_and_left_ten_thousand_times() -> Test {
    revolving_door("/room", "/room").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dynamic_namespace_may_be_entered_and_left_ten_thousand_times() -> Test {
    revolving_door("/n/1", "/n/{name}").await
}

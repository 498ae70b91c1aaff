//! Deadlines of many connections at once, each kept to the millisecond.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tower_socketio::{DisconnectReason, Namespace, Socket, SocketIo};

use crate::support::{Log, Raw, Test};

const CLIENTS: u32 = 200;

fn options(namespace: Namespace) -> SocketIo {
    SocketIo::builder()
        .connect_timeout(Duration::from_secs(3))
        .ping_interval(Duration::from_secs(10))
        .ping_timeout(Duration::from_secs(5))
        .namespace("/", namespace)
        .build()
        .expect("options that fit")
}

/// Times that look random, in milliseconds below a second and a half.
fn scattered(n: u32) -> Duration {
    Duration::from_millis((n.wrapping_mul(0x9e37_79b9) % 1500).into())
}

#[tokio::test(start_paused = true)]
async fn each_of_many_clients_has_its_own_deadlines() -> Test {
    let log = Log::new();
    let left = log.clone();
    let io = options(
        Namespace::new()
            .on_connect(async |socket: Socket| {
                socket.extensions().insert(Instant::now());
            })
            .on_disconnect(async move |socket: Socket, reason: DisconnectReason| {
                let since = socket.extensions().get::<Instant>().map(|entered| entered.elapsed().as_millis());
                left.push(format!("{reason} {}", since.unwrap_or_default() / 10));
            }),
    );
    let clients = (0..CLIENTS).map(|n| {
        let io = io.clone();
        tokio::spawn(async move {
            sleep(scattered(n)).await;
            let opened = Instant::now();
            let mut raw = Raw::open(&io).await;
            match n % 3 {
                // One that never enters.
                0 => {
                    assert_eq!(raw.maybe_next().await, None);
                    assert_eq!(opened.elapsed().as_millis() / 10, 300);
                }
                // One that says nothing any more.
                1 => {
                    raw.enter("/").await;
                    sleep(Duration::from_secs(16)).await;
                }
                // One that answers pings for a minute.
                _ => {
                    raw.enter("/").await;
                    assert!(timeout(Duration::from_secs(60), raw.next()).await.is_err());
                    raw.send("41").await;
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await?;
    }
    let mut all = log.reach(133).await;
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, ["client namespace disconnect 6000", "ping timeout 1500"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn with_the_last_connection_the_task_ends_that_knows_the_deadlines_and_then_the_server() -> Test {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let held = std::sync::Arc::new(());
    let captured = held.clone();
    let before = tasks();
    let io = options(Namespace::new().on("e", async move || drop(captured.clone())));
    for _ in 0..3 {
        let mut raw = Raw::open(&io).await;
        raw.enter("/").await;
        drop(raw);
        sleep(Duration::from_secs(20)).await;
        assert_eq!((io.connections(), tasks()), (0, before));
    }
    // One whose server has no other handle any more.
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    drop(io);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 2);
    sleep(Duration::from_secs(60)).await;
    assert_eq!((std::sync::Arc::strong_count(&held), tasks()), (1, before));
    drop(raw);
    Ok(())
}

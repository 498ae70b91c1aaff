//! What recovery keeps, as the allocator sees it. One thread does everything, so that all of it is counted.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower_socketio::{Namespace, Recovery, Socket, SocketIo, TestClient};

const SECOND: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// A server whose clients are in four rooms and have one value of theirs.
fn server(recovery: Recovery) -> SocketIo {
    let namespace = Namespace::new().on_connect(async |socket: Socket| {
        socket.join(["lobby", "news", "red", "blue"]);
        socket.extensions().insert(7_u64);
    });
    SocketIo::builder().recovery(recovery).namespace("/", namespace).build().expect("it fits")
}

/// So many clients come and are lost.
async fn lose(io: &SocketIo, clients: usize) {
    for _ in 0..clients {
        let mut client = TestClient::new(io).connect("/").await.expect("it is accepted");
        client.lose_connection();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Connections take their time to end.
    tokio::time::sleep(SECOND * 5).await;
}

/// How many bytes more are in use after `work` than before it.
fn kept(work: impl FnOnce()) -> i64 {
    allocation_counter::measure(work).bytes_current
}

#[test]
fn a_client_who_is_away_costs_a_kilobyte_and_that_comes_back() {
    const CLIENTS: i64 = 2_000;
    let runtime = runtime();
    let io = server(Recovery::new());
    runtime.block_on(lose(&io, 100));
    let bytes = kept(|| runtime.block_on(lose(&io, 2_000)));
    println!("{} bytes for each client", bytes / CLIENTS);
    assert!((300..1_500).contains(&(bytes / CLIENTS)), "{bytes}");
    let given_back = kept(|| runtime.block_on(async { tokio::time::sleep(SECOND * 300).await }));
    assert!(given_back < -bytes * 9 / 10, "{given_back} of {bytes}");
}

#[test]
fn a_packet_costs_its_bytes_and_little_more_and_that_comes_back() {
    const PACKETS: i64 = 8_000;
    let runtime = runtime();
    let io = server(Recovery::new());
    let emit = |to: &str| {
        for n in 0..PACKETS / 2 {
            io.emit("news", (n, "x".repeat(80)));
            io.to(to).emit("news", (n, "x".repeat(80)));
        }
    };
    let bytes = kept(|| runtime.block_on(async { emit("lobby") }));
    println!("{} bytes for each packet of 100", bytes / PACKETS);
    assert!((180..400).contains(&(bytes / PACKETS)), "{bytes}");
    // A client that is away has the packets looked after, and itself.
    let given_back = kept(|| {
        runtime.block_on(async {
            lose(&io, 1).await;
            tokio::time::sleep(SECOND * 400).await;
        });
    });
    assert!(given_back < -bytes * 9 / 10, "{given_back} of {bytes}");
}

#[test]
fn no_more_is_in_use_than_max_bytes_and_an_eighth() {
    const MOST: usize = 4 << 20;
    let runtime = runtime();
    for (packets, size) in [(2_000, 10_000), (200_000, 10), (200, 100_000)] {
        let io = server(Recovery::new().max_bytes(MOST).max_packets(usize::MAX));
        let bytes = kept(|| {
            runtime.block_on(async {
                lose(&io, 10).await;
                for _ in 0..packets {
                    io.emit("news", "x".repeat(size));
                }
            });
        });
        println!("{bytes} bytes after {packets} packets of {size}");
        let most = i64::try_from(MOST + MOST / 8).expect("it is small");
        assert!((most / 2..most).contains(&bytes), "{bytes} after {packets} packets of {size}");
    }
}

#[test]
fn without_recovery_nothing_is_kept() {
    let runtime = runtime();
    let io = SocketIo::builder().namespace("/", Namespace::new()).build().expect("it fits");
    runtime.block_on(lose(&io, 10));
    let bytes = kept(|| {
        runtime.block_on(async {
            lose(&io, 100).await;
            (0..1_000).for_each(|n| drop(io.emit("news", (n, "x".repeat(80)))));
        });
    });
    assert!(bytes < 4_096, "{bytes}");
}

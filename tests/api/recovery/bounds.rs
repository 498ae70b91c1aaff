//! What is kept is bounded in every direction.

use tower_socketio::{ConfigError, Namespace, Recovery, Socket, SocketIo, TestClient};

use super::{SECOND, lose, news, recovering, with};
use crate::support::{Test, join};

/// A client that has missed so many packets of so many bytes.
async fn missing(io: &SocketIo, packets: usize, bytes: usize) -> TestClient {
    let mut client = join(io).await;
    lose(&mut client).await;
    for _ in 0..packets {
        io.to(client.id()).emit("news", "x".repeat(bytes));
    }
    client
}

#[tokio::test(start_paused = true)]
async fn the_number_of_packets_is_bounded_and_whoever_missed_one_that_is_gone_enters_anew() -> Test {
    let io = with(Recovery::new().max_packets(10), Namespace::new());
    let mut client = missing(&io, 10, 1).await.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(news(&mut client).await.len(), 10);
    let client = missing(&io, 11, 1).await.connect("/").await?;
    assert!(!client.recovered());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_are_bounded_over_all_namespaces_and_the_oldest_packet_goes_first() -> Test {
    let io = SocketIo::builder()
        .recovery(Recovery::new().max_bytes(150_000))
        .namespace("/", Namespace::new())
        .namespace("/other", Namespace::new())
        .build()?;
    let mut client = missing(&io, 30, 1_000).await;
    // Below the bound together.
    let other = io.of("/other");
    for _ in 0..50 {
        other.emit("news", "x".repeat(1_000));
    }
    client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(news(&mut client).await.len(), 30);
    let client = missing(&io, 30, 1_000).await;
    for _ in 0..100 {
        other.emit("news", "x".repeat(1_000));
    }
    assert!(!client.connect("/").await?.recovered());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_packet_beyond_the_bound_is_sent_and_not_kept() -> Test {
    let io = with(Recovery::new().max_bytes(10_000), Namespace::new());
    let mut here = join(&io).await;
    let client = missing(&io, 0, 0).await;
    io.emit("news", "x".repeat(20_000));
    assert_eq!(news(&mut here).await[0].len(), 20_000);
    assert!(!client.connect("/").await?.recovered());
    // That is no end of it.
    let mut client = missing(&io, 2, 10).await.connect("/").await?;
    assert_eq!(news(&mut client).await.len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_number_of_clients_who_are_away_is_bounded_and_the_first_goes_first() -> Test {
    let io = with(Recovery::new().max_sessions(3), Namespace::new());
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(missing(&io, 0, 0).await);
    }
    let (mut back, mut stay) = (Vec::new(), Vec::new());
    for client in clients {
        let client = client.connect("/").await?;
        back.push(client.recovered());
        // It stays, so that nobody makes room for it.
        stay.push(client);
    }
    assert_eq!(back, [false, false, true, true, true]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn clients_who_are_away_count_for_the_bytes_too() -> Test {
    let io = with(
        Recovery::new().max_bytes(50_000),
        Namespace::new().on_connect(async |socket: Socket| {
            socket.join((0..100).map(|n| format!("a room with a long name, number {n}")).collect::<Vec<_>>());
        }),
    );
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(missing(&io, 0, 0).await);
    }
    let (mut back, mut stay) = (0, Vec::new());
    for client in clients {
        let client = client.connect("/").await?;
        back += usize::from(client.recovered());
        stay.push(client);
    }
    assert!((5..15).contains(&back), "{back} of 20");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn packets_are_kept_for_the_window_and_as_long_as_a_death_may_go_unnoticed() -> Test {
    let io = SocketIo::builder()
        .recovery(Recovery::new().window(SECOND * 20))
        .ping_interval(SECOND * 4)
        .ping_timeout(SECOND * 6)
        .namespace("/", Namespace::new())
        .build()?;
    let old = join(&io).await;
    let (pid, id) = (old.pid().expect("a pid").to_owned(), old.id().to_owned());
    io.emit("news", "lost on the way");
    tokio::time::sleep(SECOND * 29).await;
    // It is here all the time, and its connection may have been dead for no longer than that.
    let mut back = super::enter_with(&io, &pid, "0").await;
    assert_eq!(back.id(), id);
    assert_eq!(news(&mut back).await, ["lost on the way"]);
    tokio::time::sleep(SECOND * 2).await;
    let stranger = super::enter_with(&io, &pid, "0").await;
    assert_ne!(stranger.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bounds_of_zero_are_errors_of_build() {
    let cases = [
        ("recovery.window", Recovery::new().window(std::time::Duration::ZERO)),
        ("recovery.max_packets", Recovery::new().max_packets(0)),
        ("recovery.max_bytes", Recovery::new().max_bytes(0)),
        ("recovery.max_sessions", Recovery::new().max_sessions(0)),
    ];
    for (name, recovery) in cases {
        let error = SocketIo::builder().recovery(recovery).build().expect_err(name);
        assert!(matches!(error, ConfigError::Zero(zero) if zero == name), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_without_end_is_no_overflow() -> Test {
    let io = with(Recovery::new().window(std::time::Duration::MAX), Namespace::new());
    let mut client = missing(&io, 3, 3).await.connect("/").await?;
    assert_eq!(news(&mut client).await.len(), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_given_up_is_gone_when_the_window_is_over() -> Test {
    let io = recovering(Namespace::new());
    let held = std::sync::Arc::new(());
    let mut client = join(&io).await;
    io.socket(client.id()).expect("it is here").extensions().insert(held.clone());
    lose(&mut client).await;
    drop((io, client));
    tokio::time::sleep(SECOND).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 2);
    tokio::time::sleep(SECOND * 200).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
    Ok(())
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_what_is_kept() {
    let held = std::sync::Arc::new(());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let io = recovering(Namespace::new());
        let mut client = join(&io).await;
        let socket = io.socket(client.id()).expect("it is here");
        socket.extensions().insert(held.clone());
        let closed = socket.closed();
        drop(socket);
        client.lose_connection();
        closed.await;
    });
    assert!(std::sync::Arc::strong_count(&held) > 1);
    drop(runtime);
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
}

#[test]
fn a_runtime_that_only_emits_may_end_before_the_one_that_serves() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    let io = recovering(Namespace::new());
    let (serving, emitting) = (runtime(), runtime());
    let emit = |text: &str| emitting.block_on(async { io.emit("news", text).reached() });
    emit("to nobody");
    let client = serving.block_on(async {
        let mut client = join(&io).await;
        lose(&mut client).await;
        client
    });
    emit("missed");
    drop(emitting);
    serving.block_on(async {
        let mut client = client.connect("/").await.expect("it enters");
        assert!(client.recovered());
        assert_eq!(news(&mut client).await, ["missed"]);
    });
}

#[tokio::test(start_paused = true)]
async fn data_that_panics_when_it_is_dropped_costs_nobody_else_the_recovery() -> Test {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("it is loud");
        }
    }
    let io = with(Recovery::new().window(SECOND * 60), Namespace::new());
    let mut loud = join(&io).await;
    io.socket(loud.id()).expect("it is here").extensions().insert(std::sync::Arc::new(Loud));
    lose(&mut loud).await;
    tokio::time::sleep(SECOND * 40).await;
    let quiet = missing(&io, 2, 1).await;
    tokio::time::sleep(SECOND * 40).await;
    let mut quiet = quiet.connect("/").await?;
    assert!(quiet.recovered());
    assert_eq!(news(&mut quiet).await.len(), 2);
    assert!(!loud.connect("/").await?.recovered());
    Ok(())
}

//! The end of a server: at once, or over a time.

use std::time::Duration;

use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_socketio::{DisconnectReason, Namespace, Socket, SocketIo, SocketIoService, TestClient};

use crate::support::{Log, Raw, Test, idle, join, serve};

#[tokio::test(start_paused = true)]
async fn a_closed_server_has_no_connections_and_takes_none() -> Test {
    let log = Log::new();
    let left = log.clone();
    let io = serve(Namespace::new().on_disconnect(async move |reason: DisconnectReason| left.push(reason)));
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(join(&io).await);
    }
    assert_eq!(io.connections(), 20);
    io.close().await;
    assert_eq!((io.connections(), io.of("/").count()), (0, 0));
    for client in &mut clients {
        client.closed().await?;
    }
    assert_eq!(log.reach(20).await, vec!["server shutting down"; 20]);
    assert!(TestClient::new(&io).connect("/").await.is_err(), "a closed server took a connection");
    let request = Request::get("/socket.io/?EIO=4&transport=polling").body(String::new())?;
    let response = SocketIoService::not_found(io.clone()).oneshot(request).await?;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn clients_see_the_transport_close_and_no_disconnect() -> Test {
    let io = serve(Namespace::new());
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    let closing = tokio::spawn(async move { io.close().await });
    // A DISCONNECT would keep the official client from coming back.
    let mut packets = Vec::new();
    while let Some(packet) = raw.maybe_next().await {
        packets.push(packet);
    }
    assert!(packets.iter().all(|packet| !packet.starts_with("41")), "{packets:?}");
    drop(raw);
    closing.await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn draining_spreads_the_clients_over_the_time() -> Test {
    let log = Log::new();
    let left = log.clone();
    let start = tokio::time::Instant::now();
    let io = serve(Namespace::new().on_disconnect(async move || left.push(start.elapsed().as_secs())));
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(join(&io).await);
    }
    for client in &mut clients {
        let socket = io.socket(client.id()).expect("the socket is here");
        let mut client = std::mem::replace(client, TestClient::new(&io));
        tokio::spawn(async move {
            socket.closed().await;
            let _ = client.closed().await;
        });
    }
    io.drain(Duration::from_secs(20)).await;
    assert_eq!(io.connections(), 0);
    let seconds: Vec<u64> = log.reach(10).await.iter().map(|at| at.parse().expect("seconds")).collect();
    assert_eq!(seconds, (0..10).map(|n| 2 * n).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn draining_ends_as_soon_as_nobody_is_left() -> Test {
    let io = serve(Namespace::new());
    let clients = vec![join(&io).await, join(&io).await, join(&io).await];
    let start = tokio::time::Instant::now();
    let draining = tokio::spawn({
        let io = io.clone();
        async move { io.drain(Duration::from_secs(3600)).await }
    });
    idle().await;
    drop(clients);
    draining.await?;
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_hangs_up_is_dropped_in_time() -> Test {
    let io =
        SocketIo::builder().close_grace(Duration::from_secs(3)).namespace("/", Namespace::new()).build()?;
    let mut raw = Raw::with(&io, 256, "", &[]).await;
    raw.enter("/").await;
    io.emit("large", "x".repeat(10_000));
    idle().await;
    let start = tokio::time::Instant::now();
    io.close().await;
    assert!(start.elapsed() <= Duration::from_secs(7), "{:?}", start.elapsed());
    assert_eq!(io.connections(), 0);
    drop(raw);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn closing_twice_or_with_nobody_there_ends_at_once() -> Test {
    let io = serve(Namespace::new());
    let start = tokio::time::Instant::now();
    io.close().await;
    io.close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_end_itself() -> Test {
    let log = Log::new();
    let left = log.clone();
    let io = serve(Namespace::new().on_disconnect(async move |reason: DisconnectReason| left.push(reason)));
    let mut client = join(&io).await;
    io.emit("last", 1);
    io.socket(client.id()).expect("the socket is here").conn().close();
    assert_eq!(client.next::<u32>("last").await?, 1);
    client.closed().await?;
    assert_eq!(log.reach(1).await.len(), 1);
    drop(client);
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn a_peer_that_ends_its_side_gets_what_was_sent_before_and_then_the_end() -> Test {
    const EVENTS: usize = 28;
    let (log, text) = (Log::new(), "x".repeat(32 * 1024));
    let (left, sent) = (log.clone(), text.clone());
    let io = serve(
        Namespace::new()
            .on_connect(async move |socket: Socket| {
                (0..EVENTS).for_each(|_| drop(socket.emit("text", &sent)));
            })
            .on_disconnect(async move |reason: DisconnectReason| left.push(reason)),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let stream = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
    let router = axum::Router::new().layer(io.layer());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut raw = Raw::over(stream, "", &[]).await;
    raw.enter("/").await;
    // More waits than fits in between.
    raw.end().await;
    assert_eq!(log.reach(1).await, ["transport close"]);
    let expected = format!(r#"42["text","{text}"]"#);
    for _ in 0..EVENTS {
        assert_eq!(raw.next().await, expected);
    }
    assert_eq!(raw.maybe_next().await, None);
    serving.abort();
    Ok(())
}

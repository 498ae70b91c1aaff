//! What goes on when the client is gone.

use std::time::Duration;

use tower_socketio::{Ack, DisconnectReason, Namespace, Socket};

use crate::support::{Gate, Log, Raw, Test, idle, join, serve};

/// Says when it is dropped.
struct Drops(Log, &'static str);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.push(self.1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_in_flight_runs_to_its_end() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (held, seen, left) = (gate.clone(), log.clone(), log.clone());
    let namespace = Namespace::new()
        .on("e", async move |socket: Socket| {
            seen.push("begins");
            held.pass().await;
            let closed = socket.emit("too late", ()).into_result().is_err();
            seen.push(format!("ends {closed}"));
            Ack(())
        })
        .on_disconnect(async move || left.push("disconnected"));
    let io = serve(namespace);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    log.reach(1).await;
    drop(raw);
    assert_eq!(log.reach(2).await, ["begins", "disconnected"]);
    assert_eq!(io.connections(), 0);
    gate.open(1);
    assert_eq!(log.reach(3).await, ["begins", "disconnected", "ends true"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_in_flight_at_a_namespaces_end_may_still_answer() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (held, seen) = (gate.clone(), log.clone());
    let io = serve(Namespace::new().on("e", async move || {
        held.pass().await;
        seen.push("ends");
        Ack("late")
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    raw.send("41").await;
    idle().await;
    gate.open(1);
    assert_eq!(log.reach(1).await, ["ends"]);
    // As Node does: the connection is open, and the client forgets its questions when it leaves.
    assert_eq!(raw.next().await, r#"430["late"]"#);
    raw.enter("/").await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_stop_when_the_socket_closes() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().on("e", async move |socket: Socket| {
        seen.push("begins");
        tokio::select! {
            () = socket.closed() => seen.push("closed"),
            () = std::future::pending::<()>() => {}
        }
    }));
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    client.emit("e", ());
    log.reach(1).await;
    client.disconnect();
    assert_eq!(log.reach(2).await, ["begins", "closed"]);
    socket.closed().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_task_of_the_socket_ends_with_it() -> Test {
    let log = Log::new();
    let (ticking, spawned) = (log.clone(), log.clone());
    let io = serve(Namespace::new().on_connect(async move |socket: Socket| {
        let guard = Drops(ticking.clone(), "dropped");
        let own = socket.clone();
        socket.spawn(async move {
            let _guard = guard;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                own.emit("tick", ());
            }
        });
        let short = spawned.clone();
        socket.spawn(async move { short.push("short") });
    }));
    let mut client = join(&io).await;
    for _ in 0..3 {
        client.next::<()>("tick").await?;
    }
    assert_eq!(log.all(), ["short"]);
    client.disconnect();
    assert_eq!(log.reach(2).await, ["short", "dropped"]);
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_task_spawned_on_a_closed_socket_does_not_run() -> Test {
    let log = Log::new();
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    client.disconnect();
    socket.closed().await;
    let ran = log.clone();
    socket.spawn(async move { ran.push("ran") }).await?;
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_disconnect_its_own_socket_and_go_on() -> Test {
    let log = Log::new();
    let (seen, left) = (log.clone(), log.clone());
    let namespace = Namespace::new()
        .on("e", async move |socket: Socket| {
            socket.emit("bye", ());
            socket.disconnect();
            seen.push(socket.is_connected());
            tokio::task::yield_now().await;
            seen.push("goes on");
        })
        .on_disconnect(async move |reason: DisconnectReason| left.push(reason));
    let io = serve(namespace);
    let mut client = join(&io).await;
    client.emit("e", ());
    client.next::<()>("bye").await?;
    client.closed().await?;
    let mut all = log.reach(3).await;
    all.sort();
    assert_eq!(all, ["false", "goes on", "server namespace disconnect"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_closing_server_lets_handlers_in_flight_answer() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (held, seen) = (gate.clone(), log.clone());
    let io = serve(Namespace::new().on("e", async move || {
        seen.push("begins");
        held.pass().await;
        Ack("in time")
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    log.reach(1).await;
    let closing = io.clone();
    let closing = tokio::spawn(async move { closing.close().await });
    idle().await;
    gate.open(1);
    assert_eq!(raw.next().await, r#"430["in time"]"#);
    while raw.maybe_next().await.is_some() {}
    closing.await?;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_closing_server_does_not_wait_for_ever() -> Test {
    let io = serve(Namespace::new().on("e", async || std::future::pending::<()>().await));
    let mut client = join(&io).await;
    client.emit("e", ());
    idle().await;
    let start = tokio::time::Instant::now();
    io.close().await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(io.connections(), 0);
    client.closed().await?;
    Ok(())
}

//! How sockets end, and what the hooks see of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower_socketio::{Ack, DisconnectReason, Namespace, Socket, SocketIo, SocketIoService};

use crate::support::{Gate, Log, Raw, Test, idle, join, serve};

fn watched(log: &Log) -> Namespace {
    let (before, after) = (log.clone(), log.clone());
    let entry = |hook: &str, socket: &Socket, reason: DisconnectReason| {
        let rooms: Vec<_> =
            socket.rooms().iter().map(|room| room.name().replace(socket.id(), "id")).collect();
        format!("{hook} {rooms:?} {reason} {}", socket.is_connected())
    };
    Namespace::new()
        .on_connect(async |socket: Socket| socket.join("a"))
        .on("leave", async |socket: Socket| socket.disconnect())
        .on("quit", async |socket: Socket| socket.disconnect_transport())
        .on_disconnecting(async move |socket: Socket, reason: DisconnectReason| {
            before.push(entry("disconnecting", &socket, reason))
        })
        .on_disconnect(async move |socket: Socket, reason: DisconnectReason| {
            after.push(entry("disconnect", &socket, reason))
        })
}

fn expected(reason: &str) -> [String; 2] {
    [format!(r#"disconnecting ["id", "a"] {reason} false"#), format!("disconnect [] {reason} false")]
}

#[tokio::test(start_paused = true)]
async fn a_client_leaves_the_namespace() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send("41").await;
    assert_eq!(log.reach(2).await, expected("client namespace disconnect"));
    drop(raw);
    idle().await;
    assert_eq!(log.all().len(), 2, "the hooks run once");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_a_socket() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"42["leave"]"#).await;
    assert_eq!(raw.next().await, "41");
    assert_eq!(log.reach(2).await, expected("server namespace disconnect"));
    assert_eq!((io.of("/").count(), io.connections()), (0, 1));
    drop(raw);
    idle().await;
    assert_eq!(log.all().len(), 2, "the hooks run once");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_a_socket_from_outside_of_its_handlers() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut client = join(&io).await;
    io.socket(client.id()).expect("the socket is here").disconnect();
    client.closed().await?;
    assert_eq!(log.reach(2).await, expected("server namespace disconnect"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_transport_is_lost() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    drop(raw);
    assert_eq!(log.reach(2).await, expected("transport close"));
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_client_closes_the_engine() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send("1").await;
    assert_eq!(log.reach(2).await, expected("transport close"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_client_answers_no_ping() -> Test {
    let log = Log::new();
    let io = SocketIo::builder()
        .ping_interval(Duration::from_secs(3))
        .ping_timeout(Duration::from_secs(2))
        .namespace("/", watched(&log))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    let start = tokio::time::Instant::now();
    let log = log.reach(2).await;
    assert_eq!(log, expected("ping timeout"));
    assert_eq!(start.elapsed().as_secs(), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_client_breaks_the_rules() -> Test {
    for (packet, reason) in
        [("2x", "forced close"), (r#"42["connect"]"#, "forced close"), ("x", "parse error")]
    {
        let log = Log::new();
        let io = serve(watched(&log));
        let mut raw = Raw::open(&io).await;
        raw.enter("/").await;
        raw.send(if packet == "2x" { "42x" } else { packet }).await;
        assert_eq!(log.reach(2).await, expected(reason), "{packet}");
        while raw.maybe_next().await.is_some() {}
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_server_closes() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut client = join(&io).await;
    io.close().await;
    assert_eq!(log.reach(2).await, expected("server shutting down"));
    client.closed().await?;
    assert_eq!((io.connections(), io.of("/").count()), (0, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn disconnecting_the_transport_ends_every_namespace_on_it() -> Test {
    let (root, other) = (Log::new(), Log::new());
    let io = SocketIo::builder().namespace("/", watched(&root)).namespace("/x", watched(&other)).build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/x").await;
    raw.send(r#"42["quit"]"#).await;
    let mut last = [raw.next().await, raw.next().await];
    last.sort();
    assert_eq!(last, ["41", "41/x,"]);
    while raw.maybe_next().await.is_some() {}
    assert_eq!(root.reach(2).await, expected("server namespace disconnect"));
    assert_eq!(other.reach(2).await, expected("server namespace disconnect"));
    drop(raw);
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn disconnecting_a_socket_leaves_the_other_namespaces_alone() -> Test {
    let (root, other) = (Log::new(), Log::new());
    let io = SocketIo::builder()
        .namespace("/", watched(&root))
        .namespace("/x", watched(&other).on("e", async || Ack(1)))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/x").await;
    raw.send(r#"42["leave"]"#).await;
    assert_eq!(raw.next().await, "41");
    raw.send(r#"42/x,0["e"]"#).await;
    assert_eq!(raw.next().await, "43/x,0[1]");
    assert!(other.all().is_empty());
    // What it sent before it knew is no violation, and it may come back.
    raw.send(r#"42["leave"]"#).await;
    raw.enter("/").await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_may_disconnect_everybody_in_a_room() -> Test {
    let log = Log::new();
    let io = serve(watched(&log).on("stay", async |socket: Socket| socket.leave("a")));
    let (mut one, two) = (join(&io).await, join(&io).await);
    two.emit_with_ack::<()>("stay", ()).await?;
    io.to("a").disconnect(false);
    one.closed().await?;
    assert_eq!(log.reach(2).await, expected("server namespace disconnect"));
    assert_eq!(io.of("/").count(), 1);
    io.of("/").disconnect(true);
    idle().await;
    assert_eq!((io.of("/").count(), log.all().len()), (0, 4));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn disconnecting_twice_or_after_the_end_does_nothing() -> Test {
    let log = Log::new();
    let io = serve(watched(&log));
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    socket.disconnect();
    socket.disconnect();
    client.closed().await?;
    socket.disconnect();
    socket.disconnect_transport();
    idle().await;
    assert_eq!(log.all().len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_was_kept_holds_nothing_but_itself() -> Test {
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    socket.join("a");
    client.disconnect();
    idle().await;
    assert!(!socket.is_connected());
    assert_eq!((io.of("/").count(), io.to("a").count(), io.of("/").rooms().len()), (0, 0, 0));
    assert!(matches!(socket.emit("e", ()).into_result(), Err(tower_socketio::EmitError::Closed)));
    socket.join("b");
    assert!(socket.rooms().is_empty() && io.to("b").count() == 0);
    assert!(io.socket(socket.id()).is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_before_a_disconnect_are_handled_before_it() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let (event, left) = (log.clone(), log.clone());
    let io = serve(
        Namespace::new()
            .sequential()
            .on("e", async move |tower_socketio::Data(n): tower_socketio::Data<u32>| {
                held.pass().await;
                event.push(n);
            })
            .on_disconnect(async move || left.push("disconnect")),
    );
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    for packet in [r#"42["e",1]"#, r#"42["e",2]"#, "41"] {
        raw.send(packet).await;
    }
    idle().await;
    assert!(log.all().is_empty());
    gate.open(2);
    let all = log.reach(3).await;
    assert_eq!(all[0], "1");
    assert!(all.contains(&"2".to_owned()), "{all:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_hook_may_end_everybody_else_and_close_the_server() -> Test {
    let log = Log::new();
    let namespace = |name: &'static str, log: &Log| {
        let log = log.clone();
        Namespace::new().on_disconnect(async move |io: SocketIo, socket: Socket| {
            io.of("/").emit("left", name);
            io.of("/").disconnect(false);
            io.of("/b").disconnect(true);
            socket.disconnect();
            socket.disconnect_transport();
            log.push(name);
            io.close().await;
            log.push(format!("{name} closed"));
        })
    };
    let io = SocketIo::builder()
        .namespace("/", namespace("a", &log))
        .namespace("/b", namespace("b", &log))
        .build()?;
    let (mut one, mut two) = (Raw::open(&io).await, Raw::open(&io).await);
    for client in [&mut one, &mut two] {
        client.enter("/").await;
        client.enter("/b").await;
    }
    drop(one);
    let mut all = log.reach(4).await;
    drop(two);
    all.sort_unstable();
    assert_eq!(all, ["a", "a", "b", "b"]);
    tokio::time::timeout(Duration::from_secs(60), io.close()).await?;
    assert_eq!(io.connections(), 0);
    let mut all = log.reach(8).await;
    all.sort_unstable();
    assert_eq!(all, ["a", "a", "a closed", "a closed", "b", "b", "b closed", "b closed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_hook_that_panics_keeps_no_other_from_running() -> Test {
    let log = Log::new();
    let namespace = |name: &'static str, log: &Log| {
        let (before, after) = (log.clone(), log.clone());
        Namespace::new()
            .on_disconnecting(async move || {
                before.push(name);
                assert!(name.is_empty(), "on purpose");
            })
            .on_disconnect(async move || after.push(name))
    };
    let io = SocketIo::builder()
        .namespace("/", namespace("a", &log))
        .namespace("/b", namespace("b", &log))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/b").await;
    drop(raw);
    assert_eq!(log.reach(4).await, ["a", "a", "b", "b"]);
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

/// A stream of bytes of whose arrival nobody is told: as after a time in which the whole machine stood still.
struct Mute(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for Mute {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.1.load(Ordering::Relaxed) { Poll::Pending } else { Pin::new(&mut self.0).poll_read(cx, buf) }
    }
}

impl AsyncWrite for Mute {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_is_read_before_the_client_is_given_up() -> Test {
    let log = Log::new();
    let io = SocketIo::builder()
        .ping_interval(Duration::from_secs(10))
        .ping_timeout(Duration::from_secs(10))
        .namespace("/", watched(&log))
        .build()?;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let mute = Arc::new(AtomicBool::new(false));
    let stream = TokioIo::new(Mute(theirs, mute.clone()));
    let service = TowerToHyperService::new(SocketIoService::not_found(io.clone()));
    let http = hyper::server::conn::http1::Builder::new();
    tokio::spawn(http.serve_connection(stream, service).with_upgrades());
    let mut raw = Raw::over(ours, "", &[]).await;
    raw.enter("/").await;
    mute.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(15)).await;
    raw.send("3").await;
    idle().await;
    mute.store(false, Ordering::Relaxed);
    // Now the deadline passes, and it is the first that the connection hears.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!((log.all().len(), io.of("/").count()), (0, 1));
    // It is served as before.
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(log.all(), expected("ping timeout"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_socket_of_a_lost_connection_has_ended_before_the_first_hook_runs() -> Test {
    let log = Log::new();
    let namespace = |name: &'static str, log: &Log| {
        let (before, after) = (log.clone(), log.clone());
        let seen = move |io: &SocketIo| format!("{name} {} {}", io.of("/").count(), io.of("/b").count());
        Namespace::new().on_disconnecting(async move |io: SocketIo| before.push(seen(&io))).on_disconnect(
            async move |io: SocketIo, reason: DisconnectReason| {
                after.push(format!("{} {reason}", seen(&io)));
                io.of("/").disconnect(false);
                io.of("/b").disconnect(false);
            },
        )
    };
    let io = SocketIo::builder()
        .namespace("/", namespace("a", &log))
        .namespace("/b", namespace("b", &log))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/b").await;
    drop(raw);
    let all = log.reach(4).await;
    assert_eq!(all, ["a 0 0", "a 0 0 transport close", "b 0 0", "b 0 0 transport close"]);
    Ok(())
}

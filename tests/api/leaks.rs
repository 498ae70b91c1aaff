//! Nothing of a socket remains when it is over and nobody keeps it.

use std::sync::Arc;
use std::time::Duration;

use tower_socketio::{Data, Namespace, Overflow, Socket, SocketIo, WireError};

use crate::support::{Gate, Log, Raw, Test, idle, join};

/// Data of a socket that says when it is dropped, and with it the socket.
#[derive(Clone)]
struct Guard(#[expect(dead_code, reason = "it is there to be dropped")] Arc<Dropped>);

struct Dropped(Log);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.push("dropped");
    }
}

fn guard(socket: &Socket, log: &Log) {
    socket.extensions().insert(Guard(Arc::new(Dropped(log.clone()))));
}

fn server(log: &Log, gate: &Gate) -> SocketIo {
    let (guarded, refused, own, held) = (log.clone(), log.clone(), log.clone(), gate.clone());
    let namespace = Namespace::new()
        .on_connect(async move |socket: Socket| {
            guard(&socket, &guarded);
            socket.join(["a", "b"]);
            socket.set_user("ada");
            socket.emit("hello", ());
        })
        .on("wait", async move |_: Socket| held.pass().await)
        .on("ask", async |socket: Socket| {
            let _ = socket.emit_with_ack::<()>("q", ()).await;
        })
        .on("leave", async |socket: Socket| socket.disconnect())
        .on("quit", async |socket: Socket| socket.disconnect_transport())
        .on("listen", async |socket: Socket| {
            let own = socket.clone();
            socket
                .on("self", async move |Data(n): Data<u32>| own.emit("self", n))
                .expect("no reserved event");
        })
        .on_disconnect(async |_: Socket| {});
    let refuse = Namespace::new().on_connect(async move |socket: Socket| {
        guard(&socket, &refused);
        socket.join("a");
        socket.emit("early", ());
        Err::<(), _>(WireError::new("no"))
    });
    let hangs = Namespace::new().on_connect(async move |socket: Socket| {
        guard(&socket, &own);
        std::future::pending::<()>().await
    });
    SocketIo::builder()
        .send_budget(4096, Overflow::Disconnect)
        .namespace("/", namespace)
        .namespace("/refuse", refuse)
        .namespace("/hangs", hangs)
        .build()
        .expect("it fits")
}

async fn ends(name: &str, packets: &[&'static str], lose: bool) {
    let (log, gate) = (Log::new(), Gate::closed());
    let io = server(&log, &gate);
    let mut raw = Raw::open(&io).await;
    for packet in packets {
        raw.send(packet).await;
        idle().await;
    }
    let mut raw = Some(raw);
    if lose {
        raw = None;
        // A hook that hangs has until the `connect_timeout`.
        tokio::time::sleep(Duration::from_secs(50)).await;
    }
    idle().await;
    gate.open(10);
    idle().await;
    assert_eq!(log.all(), ["dropped"], "{name}");
    assert_eq!(io.of("/").count(), 0, "{name}");
    drop(raw);
}

#[tokio::test(start_paused = true)]
async fn however_a_socket_ends_it_is_freed() -> Test {
    ends("the client leaves", &["40", "41"], false).await;
    ends("the transport is lost", &["40"], true).await;
    ends("the engine closes", &["40", "1"], false).await;
    ends("the server ends it", &["40", r#"42["leave"]"#], false).await;
    ends("the server ends the connection", &["40", r#"42["quit"]"#], false).await;
    ends("a violation", &["40", "42x"], false).await;
    ends("a refusal", &["40/refuse,"], false).await;
    ends("lost while its hook hangs", &["40/hangs,"], true).await;
    ends("a handler is in flight", &["40", r#"42["wait"]"#, r#"420["wait"]"#, "41"], false).await;
    ends("lost with a handler in flight", &["40", r#"42["wait"]"#], true).await;
    ends("a question is open", &["40", r#"42["ask"]"#, "41"], false).await;
    ends("it had listeners of its own", &["40", r#"42["listen"]"#, "41"], false).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_closed_server_frees_its_sockets() -> Test {
    let log = Log::new();
    let io = server(&log, &Gate::closed());
    let client = join(&io).await;
    io.close().await;
    drop(client);
    idle().await;
    assert_eq!(log.all(), ["dropped"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_overflows_is_freed() -> Test {
    let log = Log::new();
    let io = server(&log, &Gate::closed());
    let mut raw = Raw::with(&io, 256, "", &[]).await;
    raw.enter("/").await;
    for _ in 0..100 {
        io.emit("large", "x".repeat(500));
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((io.connections(), io.of("/").count()), (0, 0));
    assert_eq!(log.all(), ["dropped"]);
    drop(raw);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_without_handles_and_connections_is_freed() -> Test {
    let log = Log::new();
    let dropped = Arc::new(Dropped(log.clone()));
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().on("e", async move || drop(dropped.clone())))
        .build()?;
    let mut client = join(&io).await;
    client.emit_with_ack::<()>("e", ()).await?;
    client.disconnect();
    idle().await;
    drop((client, io));
    idle().await;
    assert_eq!(log.all(), ["dropped"]);
    Ok(())
}

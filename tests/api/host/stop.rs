//! How a host ends.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::routing::get as route;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_socketio::{DisconnectReason, Host, HostHandle, Namespace, SocketIo};

use super::{PATIENCE, address, assert_free, doubling, enter, get, host, served, status};
use crate::support::{Gate, Log, Test};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_host_that_stops_is_not_ready_and_listens_until_its_clients_have_gone() -> Test {
    let log = Log::new();
    let (left, exit) = (log.clone(), log.clone());
    let namespace = Namespace::new().on_disconnect(async move |reason: DisconnectReason| left.push(reason));
    let io = SocketIo::builder().close_grace(LONG).namespace("/", namespace).build()?;
    let host = Host::new(io.clone()).listen("127.0.0.1:0").on_exit(async move |code| exit.push(code));
    let handle = host.start().await?;
    let at = address(&handle);
    let mut client = enter(at).await;
    assert_eq!((status(at, "/ready").await?, status(at, "/live").await?), (200, 200));

    handle.shutdown(3);
    assert_eq!((status(at, "/ready").await?, status(at, "/live").await?), (503, 200));
    assert_eq!(status(at, "/socket.io/?EIO=4&transport=polling").await?, 503);
    assert!(handle.is_listening());
    // The client is told, and the server waits until it hangs up.
    assert_eq!(client.maybe_next().await, None);
    assert_eq!((status(at, "/healthy").await?, io.connections()), (200, 1));
    drop(client);
    assert_eq!(handle.wait().await, 3);
    assert_eq!(log.all(), ["server shutting down", "3"]);
    assert_eq!((handle.is_listening(), handle.url(), io.connections()), (false, None, 0));
    let health = handle.health();
    assert!(!health.healthy && !health.ready && !health.live);
    assert_free(at).await
}

#[tokio::test]
async fn stopping_twice_or_too_early_does_no_harm() -> Test {
    let log = Log::new();
    let exit = log.clone();
    let host = host().on_exit(async move |code| exit.push(code));
    let handle = host.handle();
    handle.stop().await;
    handle.shutdown(9);
    let started = host.start().await?;
    let at = address(&started);
    served(at).await;
    handle.shutdown(4);
    handle.shutdown(5);
    tokio::join!(handle.stop(), started.stop());
    handle.stop().await;
    assert_eq!((handle.wait().await, started.wait().await), (4, 4));
    assert_eq!(log.all(), ["4"]);
    assert_free(at).await
}

#[tokio::test]
async fn the_end_of_a_host_without_clients_is_code_0() -> Test {
    let host = host();
    let handle = host.handle();
    let running = tokio::spawn(host.signals(false).on_ready(async |host: HostHandle| host.shutdown(0)).run());
    assert_eq!(running.await??, 0);
    assert_eq!(handle.wait().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_being_answered_is_waited_for() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (held, entered) = (gate.clone(), log.clone());
    let slow = async move || {
        entered.push("entered");
        held.pass().await;
        "answered"
    };
    let exit = log.clone();
    let routes = Router::new().route("/slow", route(slow));
    let host = host().router(routes).grace(LONG).on_exit(async move |_| exit.push("exit"));
    let handle = host.start().await?;
    let at = address(&handle);
    let request = tokio::spawn(async move { get(at, "/slow").await });
    log.reach(1).await;
    // A connection that is kept for another request is not waited for.
    let mut idle = TcpStream::connect(at).await?;
    idle.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    let mut byte = [0];
    idle.read_exact(&mut byte).await?;

    handle.shutdown(0);
    while handle.is_listening() {
        tokio::task::yield_now().await;
    }
    assert_free(at).await?;
    timeout(PATIENCE, idle.read_to_end(&mut Vec::new())).await??;
    assert_eq!(log.all(), ["entered"]);
    gate.open(1);
    assert_eq!(request.await??.2, "answered");
    handle.wait().await;
    assert_eq!(log.all(), ["entered", "exit"]);
    Ok(())
}

#[tokio::test]
async fn a_request_that_hangs_is_cut_off() -> Test {
    let log = Log::new();
    let entered = log.clone();
    let hang = async move || {
        entered.push("entered");
        pending::<()>().await;
    };
    let handle = host().router(Router::new().route("/", route(hang))).start().await?;
    let at = address(&handle);
    let request = tokio::spawn(async move { get(at, "/").await });
    log.reach(1).await;
    tokio::time::pause();
    timeout(PATIENCE, handle.stop()).await?;
    assert!(request.await?.is_err());
    Ok(())
}

#[tokio::test]
async fn a_panic_in_on_exit_keeps_no_other_from_being_called() -> Test {
    let log = Log::new();
    let exit = log.clone();
    let host = host().on_exit(async |_| panic!("a panic of the test's"));
    let handle = host.on_exit(async move |code| exit.push(code)).start().await?;
    handle.stop().await;
    assert_eq!((log.all(), handle.wait().await), (vec!["0".to_owned()], 0));
    Ok(())
}

#[tokio::test]
async fn dropping_the_handle_changes_nothing_and_dropping_run_ends_the_host() -> Test {
    let handle = host().start().await?;
    let at = address(&handle);
    let mut client = served(at).await;
    drop(handle);
    tokio::task::yield_now().await;
    served(at).await;
    client.send(r#"421["double",1]"#).await;
    assert_eq!(client.next().await, "431[2]");

    let host = host();
    let handle = host.handle();
    let log = Log::new();
    let ready = log.clone();
    let run = host.signals(false).on_ready(async move |_| ready.push("ready")).run();
    let running = tokio::spawn(run);
    log.reach(1).await;
    let at = address(&handle);
    running.abort();
    assert_eq!(handle.wait().await, 1);
    assert_free(at).await?;

    let unstarted = Host::new(doubling());
    let handle = unstarted.handle();
    drop(unstarted);
    assert_eq!(handle.wait().await, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_for_nothing_ends() -> Test {
    let handle = host().start().await?;
    for said in ["", "PRI", "GET / HTTP/1.1\r\nHost:"] {
        let mut tcp = TcpStream::connect(address(&handle)).await?;
        tcp.write_all(said.as_bytes()).await?;
        timeout(PATIENCE, tcp.read_to_end(&mut Vec::new())).await??;
    }
    Ok(())
}

//! A host whose layer is in somebody else's server.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get as route;
use tokio::net::TcpListener;
use tower_socketio::{Ack, Host, Listen, Namespace, SocketIo};

use super::{doubling, enter, get, served, status};
use crate::support::{Log, Raw, Test};

/// A server of somebody else's, with the host's routes.
async fn foreign(io: &SocketIo, host: &Host) -> Test<SocketAddr> {
    let routes = Router::new().route("/", route(async || "theirs"));
    let app = routes.merge(host.handle().health_routes()).layer(io.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(at)
}

#[tokio::test]
async fn dropping_a_host_leaves_a_foreign_server_serving() -> Test {
    let io = doubling();
    let host = Host::new(io.clone()).listen(Listen::none());
    let at = foreign(&io, &host).await?;
    let mut early = served(at).await;
    assert_eq!(status(at, "/ready").await?, 503);
    let handle = host.start().await?;
    assert_eq!((handle.url(), handle.is_listening()), (None, false));
    assert_eq!((status(at, "/ready").await?, status(at, "/live").await?), (200, 200));
    drop(handle);
    assert_eq!((status(at, "/ready").await?, get(at, "/").await?.2), (200, "theirs".to_owned()));
    served(at).await;

    drop(Host::new(io.clone()).listen(Listen::none()));
    let run = Host::new(io).listen(Listen::none()).signals(false).run();
    let running = tokio::spawn(run);
    tokio::task::yield_now().await;
    running.abort();
    assert!(running.await.is_err());
    served(at).await;
    early.send(r#"421["double",4]"#).await;
    assert_eq!(early.next().await, "431[8]");
    Ok(())
}

#[tokio::test]
async fn stopping_tells_the_sockets_of_a_foreign_server_and_does_not_close_it() -> Test {
    let io = doubling();
    let log = Log::new();
    let (init, exit) = (log.clone(), log.clone());
    let host = Host::new(io.clone())
        .listen(Listen::none())
        .on_init(async move |_| {
            init.push("init");
            Ok(())
        })
        .on_exit(async move |code| exit.push(format!("exit {code}")));
    let at = foreign(&io, &host).await?;
    let handle = host.start().await?;
    let mut client = served(at).await;
    let told = tokio::spawn(async move { client.maybe_next().await });
    handle.stop().await;
    assert_eq!(told.await?, None);
    assert_eq!(log.all(), ["init", "exit 0"]);
    assert_eq!((status(at, "/ready").await?, get(at, "/").await?.2), (503, "theirs".to_owned()));
    assert_eq!(status(at, "/socket.io/?EIO=4&transport=polling").await?, 503);
    Ok(())
}

#[tokio::test]
async fn namespaces_declared_before_and_after_the_layer_both_work() -> Test {
    let io = doubling();
    let host = Host::new(io.clone()).listen(Listen::none());
    let at = foreign(&io, &host).await?;
    io.namespace("/later", Namespace::new().on("hello", async || Ack("hello")))?;
    io.of("/").on("hello", async || Ack("hello"))?;
    host.start().await?;
    let mut client: Raw<_> = enter(at).await;
    client.enter("/later").await;
    client.send(r#"420["hello"]"#).await;
    assert_eq!(client.next().await, r#"430["hello"]"#);
    client.send(r#"42/later,0["hello"]"#).await;
    assert_eq!(client.next().await, r#"43/later,0["hello"]"#);
    Ok(())
}

//! What the tests of npm's `socket.io` ask of its recovery.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tower_socketio::{Ack, Namespace, Recovery, Socket, SocketIo, TestClient, connect};

use super::{again, lose, news, noting, recovering, with};
use crate::support::{Log, Raw, Test, idle};

#[tokio::test(start_paused = true)]
async fn upstream_should_restore_session_and_missed_packets() -> Test {
    let kept = Arc::new(Mutex::new(None::<Socket>));
    let first = kept.clone();
    let io = recovering(Namespace::new().on_connect(async move |socket: Socket| {
        socket.join("room1");
        first.lock().expect("no panic").get_or_insert(socket);
    }));
    let mut client = TestClient::new(&io).connect("/").await?;
    io.emit("news", "hello");
    assert_eq!(client.next::<String>("news").await?, "hello");
    let (id, pid) = (client.id().to_owned(), client.pid().expect("a pid").to_owned());
    lose(&mut client).await;
    io.emit("news", "hello1");
    io.to("room1").emit("news", "hello2");
    let socket = kept.lock().expect("no panic").take().expect("it connected");
    // By the handle of the socket that is gone.
    socket.emit("news", "hello3");
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!((client.id(), client.pid()), (&*id, Some(&*pid)));
    assert_eq!(news(&mut client).await, ["hello1", "hello2", "hello3"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn upstream_should_restore_rooms_and_data_attributes() -> Test {
    let namespace = Namespace::new()
        .on("enter", async |socket: Socket| {
            socket.join(["room1", "room2"]);
            socket.extensions().insert(json!({ "foo": "bar" }));
            Ack(())
        })
        .on("tell", async |socket: Socket| {
            let mut rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
            rooms.sort_unstable_by_key(|room| room.len() > 10);
            Ack((rooms, socket.extensions().get::<Value>(), socket.recovered()))
        });
    let io = recovering(namespace);
    let client = TestClient::new(&io).connect("/").await?;
    client.emit_with_ack::<()>("enter", ()).await?;
    let client = again(client).await?;
    let told: (Vec<String>, Option<Value>, bool) = client.emit_with_ack("tell", ()).await?;
    let rooms = vec!["room1".to_owned(), "room2".to_owned(), client.id().to_owned()];
    assert_eq!(told, (rooms, Some(json!({ "foo": "bar" })), true));
    assert_eq!(io.to("room1").count(), 1);
    Ok(())
}

fn counted(log: &Log) -> Namespace {
    let layer = log.clone();
    noting(log).connect_layer(connect::from_fn(move |request, next: connect::Next| {
        let log = layer.clone();
        async move {
            log.push("layer");
            next.run(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn upstream_should_not_run_middlewares_upon_recovery_if_they_are_skipped() -> Test {
    let log = Log::new();
    let io = with(Recovery::new().skip_middleware(true), counted(&log));
    let client = again(TestClient::new(&io).connect("/").await?).await?;
    assert!(client.recovered());
    idle().await;
    assert_eq!(log.all(), ["layer", "connect false", "connected false", "transport close", "connected true"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn upstream_should_run_middlewares_even_upon_recovery_by_default() -> Test {
    let log = Log::new();
    let io = recovering(counted(&log));
    let client = again(TestClient::new(&io).connect("/").await?).await?;
    assert!(client.recovered());
    idle().await;
    let once = ["layer", "connect false", "connected false", "transport close"];
    assert_eq!(log.all(), [&once[..], &["layer", "connect true", "connected true"]].concat());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn upstream_should_fail_to_restore_an_unknown_session() -> Test {
    let io = recovering(Namespace::new());
    let mut raw = Raw::open(&io).await;
    raw.send(r#"40{"pid":"foo","offset":"bar"}"#).await;
    let reply: Value = serde_json::from_str(raw.next().await.strip_prefix("40").expect("a CONNECT"))?;
    assert_ne!(reply["sid"], "foo");
    assert_eq!(reply["pid"].as_str().map(str::len), Some(40));
    assert_ne!(reply["pid"], "foo");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn upstream_should_be_disabled_by_default() -> Test {
    let io = SocketIo::builder().namespace("/", Namespace::new()).build()?;
    let mut raw = Raw::open(&io).await;
    // Its reply has the id alone.
    raw.enter("/").await;
    io.emit("news", "plain");
    assert_eq!(raw.next().await, r#"42["news","plain"]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn upstream_should_neither_save_nor_restore_if_disabled() -> Test {
    let log = Log::new();
    let io = SocketIo::builder().namespace("/", noting(&log)).build()?;
    let mut client = TestClient::new(&io).connect("/").await?;
    let id = client.id().to_owned();
    assert_eq!((client.pid(), client.offset()), (None, None));
    lose(&mut client).await;
    io.to(&*id).emit("news", "lost");
    let pass = json!({ "pid": id.repeat(2), "offset": "0" });
    let mut client = TestClient::new(&io).auth(pass).connect("/").await?;
    assert_ne!(client.id(), id);
    assert!(news(&mut client).await.is_empty());
    assert_eq!(log.all()[3..], ["connect false", "connected false"]);
    Ok(())
}
